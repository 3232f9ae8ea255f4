//! How many good days a Tenant has.
