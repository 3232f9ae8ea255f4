use super::{Tokens, User};

#[test]
fn the_token_file_names_the_operator_as_its_service_account() {
    let tokens = Tokens { secret: "s".into() };
    assert_eq!(
        tokens.file().lines().nth(1),
        Some(
            "yagura-s,system:serviceaccount:yagura-system:yagura,uid-of-yagura,\
             \"system:serviceaccounts,system:serviceaccounts:yagura-system\""
        )
    );
}

#[test]
fn two_runs_never_share_a_token() {
    let (one, two) = (Tokens::draw().unwrap(), Tokens::draw().unwrap());
    assert_ne!(one.of(User::Admin), two.of(User::Admin));
}
