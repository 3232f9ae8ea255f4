use std::collections::VecDeque;

use super::{Page, all_pages, literal};
use crate::cloud::{CloudError, ErrorKind, Listed, Operation};

async fn listed(pages: Vec<(Vec<u8>, Option<&str>)>) -> Result<Listed<u8>, CloudError> {
    let mut pages = VecDeque::from(pages);
    all_pages(Operation::DescribeVolumes, |_| {
        let (items, next) = pages.pop_front().unwrap();
        let next = next.map(str::to_owned);
        async move { Ok(Page { items, next }) }
    })
    .await
}

#[tokio::test]
async fn a_listing_ends_where_there_is_no_token_even_after_an_empty_page() {
    let pages = vec![(vec![1], Some("a")), (vec![], Some("b")), (vec![2, 3], None)];
    let whole = |items, pages| Ok(Listed { items, pages });
    assert_eq!(listed(pages).await, whole(vec![1, 2, 3], 3));
    assert_eq!(listed(vec![(vec![1], Some(""))]).await, whole(vec![1], 1));
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_is_an_error() {
    let pages = vec![(vec![1], Some("a")), (vec![2], Some("b")), (vec![3], Some("a"))];
    assert_eq!(listed(pages).await.unwrap_err().kind, ErrorKind::Defect);
}

#[tokio::test]
async fn a_listing_that_always_has_one_more_page_is_an_error() {
    let mut number = 0;
    let endless = all_pages(Operation::DescribeVolumes, |_| {
        number += 1;
        let next = Some(number.to_string());
        async move {
            Ok(Page {
                items: vec![0u8],
                next,
            })
        }
    });
    assert_eq!(endless.await.unwrap_err().kind, ErrorKind::Defect);
}

#[test]
fn what_a_user_wrote_stands_for_itself_in_a_filter() {
    assert_eq!(literal(r"a*b?c\d"), r"a\*b\?c\\d");
}
