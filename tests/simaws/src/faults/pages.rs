//! Tokens by which a listing repeats a page. They say all that is needed to answer the next call, so
//! that they stay good when the fault that gave them is spent.

use crate::protocol::Params;

const REPEAT: &str = "again:";
const ENDLESS: &str = "endless:";

/// The token under which a listing comes again for ever, for the fault with this id.
pub(crate) fn endless(fault: &str) -> String {
    format!("{ENDLESS}{fault}")
}

/// The token under which the page that `params` ask for comes once more.
pub(crate) fn repeat(params: &Params) -> String {
    format!("{REPEAT}{}", params.get("NextToken").unwrap_or_default())
}

/// Whether a token asks for a page once more.
pub(crate) fn is_repeat(token: &str) -> bool {
    token.starts_with(REPEAT)
}

/// Puts AWS's own token in the place of one from here.
pub(crate) fn resolve(params: &mut Params) {
    let Some(token) = params.get("NextToken") else {
        return;
    };
    let own = match (token.strip_prefix(REPEAT), token.strip_prefix(ENDLESS)) {
        (Some(own), _) => own,
        (None, Some(_)) => "",
        (None, None) => return,
    };
    let own = (!own.is_empty()).then(|| own.to_owned());
    params.set("NextToken", own);
}
