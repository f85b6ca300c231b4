//! Attribute types that names are made of: one by their short name, their long name and their OID.

/// The name under which a type is compared: the short one of RFC 4519 in lower case, whichever of its names or whether its
/// OID is written; any other name in lower case. Nothing if it is no name of a type.
pub(super) fn canonical(text: &str) -> Option<String> {
    let mut name = text.trim().to_ascii_lowercase();
    if let Some(oid) = name.strip_prefix("oid.") {
        name = oid.to_owned();
    }
    // Underscores are none of RFC 4512's, and directories have them all the same.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        return None;
    }
    Some(short(&name).map_or(name, str::to_owned))
}

/// The short name of a type with several, from one of the others in lower case.
fn short(name: &str) -> Option<&'static str> {
    Some(match name {
        "2.5.4.3" | "commonname" => "cn",
        "2.5.4.4" | "surname" => "sn",
        "2.5.4.5" => "serialnumber",
        "2.5.4.6" | "countryname" => "c",
        "2.5.4.7" | "localityname" => "l",
        "2.5.4.8" | "stateorprovincename" => "st",
        "2.5.4.9" | "streetaddress" => "street",
        "2.5.4.10" | "organizationname" => "o",
        "2.5.4.11" | "organizationalunitname" => "ou",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.15" => "businesscategory",
        "2.5.4.16" => "postaladdress",
        "2.5.4.17" => "postalcode",
        "2.5.4.18" => "postofficebox",
        "2.5.4.19" => "physicaldeliveryofficename",
        "2.5.4.20" => "telephonenumber",
        "2.5.4.41" => "name",
        "2.5.4.42" | "gn" => "givenname",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "generationqualifier",
        "2.5.4.45" => "x500uniqueidentifier",
        "2.5.4.46" => "dnqualifier",
        "2.5.4.51" => "houseidentifier",
        "0.9.2342.19200300.100.1.1" | "userid" => "uid",
        "0.9.2342.19200300.100.1.3" | "rfc822mailbox" => "mail",
        "0.9.2342.19200300.100.1.25" | "domaincomponent" => "dc",
        "1.2.840.113549.1.9.1" | "email" | "pkcs9email" => "emailaddress",
        _ => return None,
    })
}
