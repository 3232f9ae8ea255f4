//! Whose a label is that several Tenants ask for.

use jiff::Timestamp;

use crate::api::Key;

/// A Tenant that asks for a label. All claims are for labels that differ at most in case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The Tenant.
    pub tenant: Key,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether a live instance in AWS carries the label with this Tenant's uid.
    pub is_in_aws: bool,
}

/// The claim that holds: the one that AWS knows, then the older, then the name.
pub fn holder(claims: &[Claim]) -> Option<&Claim> {
    claims
        .iter()
        .min_by_key(|claim| (!claim.is_in_aws, claim.created_at, &claim.tenant))
}
