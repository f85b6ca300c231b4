//! Reads users and groups from LDAP servers and Active Directory.
