//! The bodies of webhooks, in the shapes that receivers understand.

use serde_json::{Value, json};

use super::notice::{Kind, Notice};
use super::settings::Shape;

/// The body of a notice.
pub(super) fn body(notice: &Notice, shape: Shape) -> Value {
    match shape {
        Shape::Standard => standard(notice),
        Shape::Slack => slack(notice),
        Shape::Teams => teams(notice),
    }
}

/// As Standard Webhooks recommends: the type, the time, and the data.
fn standard(notice: &Notice) -> Value {
    json!({ "type": format!("rollcall.{}", notice.kind), "timestamp": notice.at, "data": notice })
}

/// Slack's incoming webhooks: `text` is what notifications show, the blocks are what the channel shows.
fn slack(notice: &Notice) -> Value {
    let title = escaped(&notice.title);
    let mut text = format!("*{title}*");
    if !notice.text().is_empty() {
        text.push('\n');
        // A section takes 3000 characters.
        text.extend(escaped(&notice.text()).chars().take(2500));
    }
    json!({
        "text": title,
        "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": text } }],
    })
}

/// The three characters that steer Slack's text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An adaptive card in the message that a Teams workflow takes.
fn teams(notice: &Notice) -> Value {
    let colour = match notice.kind {
        Kind::Recovered => "good",
        Kind::Failed | Kind::Quarantined => "attention",
        Kind::Held | Kind::InPart | Kind::Expiring => "warning",
    };
    let block = |text: &str| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut title = block(&notice.title);
    title["weight"] = "bolder".into();
    title["color"] = colour.into();
    let lines = notice.details.iter().map(String::as_str).chain([notice.advice.as_str()]);
    let rest = lines.filter(|line| !line.is_empty()).map(block);
    let blocks: Vec<Value> = std::iter::once(title).chain(rest).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": blocks,
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice {
            id: "msg_1".to_owned(),
            at: "2027-01-15T08:00:00Z".parse().unwrap(),
            organization: "acme".to_owned(),
            kind: Kind::Held,
            title: "acme: 14 changes wait for a person".to_owned(),
            details: vec!["14 deactivations are more than 5% of <active> & more.".to_owned()],
            advice: "Decide.".to_owned(),
            run: Some("20270115-080000000-abcd".to_owned()),
            plan: Some("0123456789abcdef".to_owned()),
            ended: Vec::new(),
        }
    }

    #[test]
    fn each_shape_is_what_its_receiver_documents() {
        let all = [Shape::Standard, Shape::Slack, Shape::Teams].map(|shape| body(&notice(), shape));
        insta::assert_json_snapshot!("bodies", all);
    }

    #[test]
    fn a_long_error_does_not_make_slack_refuse_the_message() {
        let long = Notice { details: vec!["<".repeat(5000)], ..notice() };
        let text = body(&long, Shape::Slack)["blocks"][0]["text"]["text"].as_str().unwrap().len();
        assert!(text <= 3000, "{text}");
    }
}
