//! Who may do what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What somebody may do; each route needs one of these.
#[allow(dead_code, reason = "some are needed by no route yet")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Permission {
    /// Look at sources, runs and records.
    View,
    /// Ask for runs, stop them, and go on with them.
    Run,
    /// Set up, change, archive and delete sources.
    EditSources,
    /// Set up, change and delete filter sets.
    EditFilterSets,
    /// Agree to deletions that are held, or not; apply dry runs.
    Approve,
    /// The pages of WEKO's Resync administration: its system administrator's alone.
    Resync,
    /// Everything that is not said of a source: users, targets, settings, the audit log.
    Administer,
}

impl Permission {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::View,
        Self::Run,
        Self::EditSources,
        Self::EditFilterSets,
        Self::Approve,
        Self::Resync,
        Self::Administer,
    ];
}

/// What somebody is.
///
/// In WEKO's words, its system administrator is the administrator here; its repository
/// administrator is an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// May do everything.
    Administrator,
    /// Keeps the harvesting going.
    Operator,
    /// Looks after sources of their own, and sees no others.
    SiteContact,
    /// May look at everything.
    Viewer,
}

impl Role {
    /// All of them, the most powerful first.
    pub(crate) const ALL: [Self; 4] =
        [Self::Administrator, Self::Operator, Self::SiteContact, Self::Viewer];

    /// The role as it is stored, and in the keys of words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::SiteContact => "site-contact",
            Self::Viewer => "viewer",
        }
    }

    /// Whether this role may do that at all; a site contact, to sources of their own.
    pub(crate) fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Administrator => true,
            Self::Operator => !matches!(permission, P::Resync | P::Administer),
            Self::SiteContact => matches!(permission, P::View | P::Run | P::EditSources),
            Self::Viewer => permission == P::View,
        }
    }

    /// Whether somebody of the other role may do all that one of this role may.
    pub(crate) fn is_within(self, other: Self) -> bool {
        Permission::ALL.into_iter().all(|permission| !self.may(permission) || other.may(permission))
    }

    /// Whether this role is confined to sources of its own.
    pub(crate) fn owns(self) -> bool {
        self == Self::SiteContact
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stands_higher_may_do_all_that_lower_ones_may() {
        for pair in [Role::Administrator, Role::Operator, Role::Viewer].windows(2) {
            for permission in Permission::ALL {
                assert!(pair[0].may(permission) || !pair[1].may(permission), "{permission:?}");
            }
        }
    }

    #[test]
    fn a_role_is_within_those_that_may_do_as_much() {
        let within = |role: Role| {
            Role::ALL.into_iter().filter(|other| other.is_within(role)).collect::<Vec<_>>()
        };
        assert_eq!(within(Role::Administrator), Role::ALL);
        assert_eq!(within(Role::Operator), Role::ALL[1..]);
        assert_eq!(within(Role::SiteContact), [Role::SiteContact, Role::Viewer]);
        assert_eq!(within(Role::Viewer), [Role::Viewer]);
    }

    #[test]
    fn the_resync_pages_are_the_administrators_alone() {
        let roles = Role::ALL.into_iter().filter(|role| role.may(Permission::Resync));
        assert_eq!(roles.collect::<Vec<_>>(), [Role::Administrator]);
    }

    #[test]
    fn a_role_is_stored_as_it_is_called() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }
}
