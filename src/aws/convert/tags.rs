//! Tags.

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

use super::{Unreadable, required};
use crate::cloud::Tags;

pub(super) fn tags(tags: Option<Vec<Tag>>) -> Result<Tags, Unreadable> {
    let tags = tags.unwrap_or_default().into_iter();
    // A tag's value may be empty, and then some answers leave it out.
    tags.map(|tag| Ok((required(tag.key, "tag key")?, tag.value.unwrap_or_default())))
        .collect()
}

pub(in crate::aws) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect()
}

pub(in crate::aws) fn tag_specification(resource: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(resource)
        .set_tags(Some(sdk_tags(tags)))
        .build()
}
