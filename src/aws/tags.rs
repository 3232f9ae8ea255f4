//! Tags by the SDK.

use async_trait::async_trait;

use aws_sdk_ec2::types::Tag;

use super::{convert::sdk_tags, ec2::Ec2};
use crate::cloud::{CloudError, Operation, TagApi, Tags};

/// How many resources one call of CreateTags or DeleteTags takes.
const RESOURCES_PER_CALL: usize = 1000;

#[async_trait]
impl TagApi for Ec2 {
    async fn set_tags(&self, ids: &[String], tags: &Tags) -> Result<(), CloudError> {
        if tags.is_empty() {
            return Ok(());
        }
        for ids in ids.chunks(RESOURCES_PER_CALL) {
            let request = self.client.create_tags();
            let request = request
                .set_resources(Some(ids.to_vec()))
                .set_tags(Some(sdk_tags(tags)));
            self.call(Operation::CreateTags, request.send()).await?;
        }
        Ok(())
    }

    async fn delete_tags(&self, ids: &[String], keys: &[&str]) -> Result<(), CloudError> {
        if keys.is_empty() {
            return Ok(());
        }
        // Without a value a tag goes whatever it says.
        let tags: Vec<_> = keys.iter().map(|key| Tag::builder().key(*key).build()).collect();
        for ids in ids.chunks(RESOURCES_PER_CALL) {
            let request = self.client.delete_tags();
            let request = request
                .set_resources(Some(ids.to_vec()))
                .set_tags(Some(tags.clone()));
            self.call(Operation::DeleteTags, request.send()).await?;
        }
        Ok(())
    }
}
