//! References to other servers: never followed, because that would send the password to a host that a server names,
//! and never overlooked, because behind one may be half the people.

use rollcall_kit::{Dn, ReadError};

use crate::settings::parse_dn;

/// Which references may be ignored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Referrals {
    listed: Vec<Dn>,
}

/// Partitions that every Active Directory domain refers to, and that hold no people (MS-ADTS 3.1.1.1.5).
const PARTITIONS_WITHOUT_PEOPLE: [&str; 3] = ["cn=configuration", "dc=domaindnszones", "dc=forestdnszones"];

impl Referrals {
    /// From the DNs that the administrator listed.
    pub(crate) fn new(listed: &[String]) -> Result<Self, ReadError> {
        let listed = listed.iter().map(|text| parse_dn("ignorable_referrals", text)).collect::<Result<_, _>>()?;
        Ok(Self { listed })
    }

    /// Why a reference may be ignored, as a sentence for the certificate; nothing if it may not.
    pub(crate) fn why_ignorable(&self, url: &str) -> Option<String> {
        let name = name_in(url)?;
        let dn = Dn::parse(&name).ok()?;
        if dn.own_part().is_some_and(|own| PARTITIONS_WITHOUT_PEOPLE.contains(&own)) {
            return Some(format!("the partition \"{name}\" holds no people and was not read"));
        }
        let listed = self.listed.iter().any(|listed| dn.is_within(listed));
        listed.then(|| format!("\"{name}\" is held by another server and is listed in ignorable_referrals"))
    }
}

/// The DN in an LDAP URL (RFC 4516), decoded. The empty name stands for the whole directory and is never ignorable.
fn name_in(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let name = path.split('?').next()?;
    let decoded = decode_percent(name)?;
    (!decoded.trim().is_empty()).then_some(decoded)
}

fn decode_percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partitions_of_active_directory_are_known() {
        let referrals = Referrals::default();
        for url in [
            "ldap://corp.example/CN=Configuration,DC=corp,DC=example",
            "ldaps://DomainDnsZones.corp.example/DC=DomainDnsZones,DC=corp,DC=example",
            "ldap://corp.example/CN%20=%20Configuration%20,%20DC=corp,DC=example",
        ] {
            assert!(referrals.why_ignorable(url).is_some(), "{url}");
        }
        // A child domain is not: people live there.
        assert_eq!(referrals.why_ignorable("ldap://emea.corp.example/DC=emea,DC=corp,DC=example"), None);
    }

    #[test]
    fn a_listed_name_covers_what_is_below_it_and_nothing_else() {
        let referrals = Referrals::new(&["dc=emea,dc=corp,dc=example".to_owned()]).unwrap();
        assert!(referrals.why_ignorable("ldap://x/OU=a%2Cb,DC=EMEA,DC=corp,DC=example??sub").is_none(), "no DN");
        assert!(referrals.why_ignorable("ldap://x/OU=a%5C2Cb,DC=EMEA,DC=corp,DC=example??sub").is_some());
        for url in ["ldap://x/", "ldap://x", "ldap://x/DC=corp,DC=example", "not a url", "ldap://x/%zz"] {
            assert_eq!(referrals.why_ignorable(url), None, "{url}");
        }
    }
}
