//! Reads users and groups from LDIF, JSON and CSV files.
