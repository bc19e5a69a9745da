//! Stored hashes that cannot be used: the reason, and the scheme that they seem to have.

/// The reason why a stored hash cannot be used. It contains nothing of the hash, so it can be
/// logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) scheme: &'static str,
    pub(super) problem: &'static str,
    /// The id of a pepper, or the error of the application's own scheme.
    pub(super) detail: Option<Box<str>>,
}

/// The scheme name for a user without a password: an empty string, or one of the markers that
/// `/etc/shadow` and Django write.
pub(super) const NO_PASSWORD: &str = "none";
/// The scheme name for hashes with a pepper.
pub(super) const PEPPER: &str = "fauth pepper";

/// Names the scheme by the beginning of the string, for the log. Includes schemes that are not
/// supported.
pub(super) fn scheme_name(text: &str) -> &'static str {
    const BEGINNINGS: [(&str, &str); 34] = [
        ("$argon2", "argon2"),
        ("$2", "bcrypt"),
        ("$fauth-pepper", PEPPER),
        ("!", NO_PASSWORD),
        ("*", NO_PASSWORD),
        ("argon2$", "django argon2"),
        ("bcrypt_sha256$", "django bcrypt-sha256"),
        ("bcrypt", "django bcrypt"),
        ("pbkdf2:", "werkzeug pbkdf2"),
        ("pbkdf2_", "django pbkdf2"),
        ("pbkdf2", "pbkdf2"),
        ("$pbkdf2", "pbkdf2"),
        ("grub.pbkdf2", "grub pbkdf2"),
        ("$p5k2$", "pbkdf2 of another dialect"),
        ("scrypt:", "werkzeug scrypt"),
        ("scrypt$", "django scrypt"),
        ("scrypt", "scrypt"),
        ("$scrypt$", "scrypt"),
        ("$7$", "scrypt of another dialect"),
        ("$scram$", "scram"),
        ("$bcrypt-sha256$", "passlib bcrypt-sha256"),
        ("{bcrypt}", "spring bcrypt"),
        ("{argon2", "spring argon2"),
        ("{scrypt", "spring scrypt"),
        ("{pbkdf2", "spring pbkdf2"),
        ("{noop}", "spring noop"),
        ("{PKCS5S2}", "atlassian pbkdf2"),
        ("{", "spring or ldap"),
        ("crypt$", "django des-crypt"),
        ("md5$", "django md5"),
        ("sha1$", "django sha1"),
        ("$1$", "md5-crypt"),
        ("$5$", "sha256-crypt"),
        ("$6$", "sha512-crypt"),
    ];
    if text.is_empty() {
        return NO_PASSWORD;
    }
    BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning)).map_or("unknown", |(_, name)| name)
}
