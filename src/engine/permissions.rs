//! What AWS last said of the operator's rights, class by class, for whoever shows it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    cloud::{Operation, Permission},
    plan::permission::Answers,
};

/// The last answers of each class's preflight. Another process asks again, so nothing of it is kept anywhere.
#[derive(Debug, Default)]
pub struct Permissions {
    /// By the class's uid.
    answers: Mutex<HashMap<String, Answers>>,
}

impl Permissions {
    /// Takes note of what was answered about a class.
    pub fn note(&self, class_uid: &str, answers: &Answers) {
        self.answers().insert(class_uid.to_owned(), answers.clone());
    }

    /// Whether AWS permits this call where the class is; `None` where it did not say.
    pub fn permits(&self, class_uid: &str, operation: Operation) -> Option<bool> {
        let answers = self.answers();
        match answers.get(class_uid)?.get(&operation)?.permission {
            Permission::Permitted => Some(true),
            Permission::Denied => Some(false),
            Permission::NotKnown => None,
        }
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<String, Answers>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
