//! Objects of S3: where a bucket answers, and the signature by which it knows the user.
//!
//! An object is asked for over HTTPS like any file, by our client and with our manners: an answer's status and its
//! `Retry-After` are what the pace of the process hangs on, and `object_store`'s own client would hide them. So that
//! crate makes addresses here: it signs them (AWS Signature Version 4) with the user's keys. Without keys they are
//! asked for without a signature, as public buckets allow. It is the one library of ours with an asynchronous face;
//! signing by keys waits for nothing, and no runtime is needed to have it done.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpService,
};
use object_store::path::Path;
use object_store::signer::Signer;
use url::Url;

use super::shown;
use crate::error::{Error, Result, quoted};

/// How long a signature holds. A request may wait its turn behind pauses of an hour each, and a body of hours needs none
/// while it comes.
const SIGNED_FOR: Duration = Duration::from_secs(12 * 3600);

/// Who asks S3, and where it answers. What is wrong with it is said when an object is asked for, not before.
#[derive(Clone, Default)]
pub struct Account {
    /// `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`: another server than Amazon's.
    pub endpoint: Option<String>,
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`; where Common Crawl's bucket lies when neither is set.
    pub region: Option<String>,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<String>,
    /// `AWS_SESSION_TOKEN`, which keys for a while come with.
    pub session_token: Option<String>,
}

impl Account {
    /// Reads the variables that Amazon's own tools read. One that is empty counts as not set.
    pub fn from_env() -> Self {
        let first = |names: &[&str]| {
            let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
            values.find(|value| !value.is_empty())
        };
        Account {
            endpoint: first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
            region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
            access_key_id: first(&["AWS_ACCESS_KEY_ID"]),
            secret_access_key: first(&["AWS_SECRET_ACCESS_KEY"]),
            session_token: first(&["AWS_SESSION_TOKEN"]),
        }
    }

    /// Whether requests are signed.
    pub fn has_keys(&self) -> bool {
        self.access_key_id.is_some() || self.secret_access_key.is_some()
    }

    fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("us-east-1")
    }

    /// The server that answers for all buckets: the origin that the user named, by the variable or by `s3://`.
    ///
    /// # Errors
    /// Exit 2 when the variables make no sense.
    pub fn server(&self) -> Result<Url> {
        let bad = |found: String| {
            Error::usage(found).remedy("set AWS_ENDPOINT_URL and AWS_REGION right, or not at all")
        };
        let region = self.region();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if region.is_empty() || !region.bytes().all(is_plain) {
            return Err(bad(format!("no region has the name {}", quoted(region))));
        }
        let address = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        match Url::parse(&address) {
            Ok(url) if url.scheme().starts_with("http") && url.query().is_none() => Ok(url),
            // Not quoted: it may hold a password.
            _ => Err(bad("AWS_ENDPOINT_URL is no address of a server".to_owned())),
        }
    }

    /// Where the object at an `s3://` address is asked for, by GET or by HEAD.
    ///
    /// # Errors
    /// Exit 2 when the variables make no sense, or no key can have that form.
    pub fn address(&self, object: &Url, is_head: bool) -> Result<Url> {
        let server = self.server()?;
        let bucket = object.host_str().unwrap_or_default();
        if !self.has_keys() {
            let mut address = server;
            let folder = address.path().trim_end_matches('/').to_owned();
            address.set_path(&format!("{folder}/{bucket}{}", object.path()));
            return Ok(address);
        }
        let bad = |e: &dyn fmt::Display| {
            Error::usage(format!("cannot be asked for: {e}")).at(shown(object))
        };
        let key = Path::from_url_path(object.path()).map_err(|e| bad(&e))?;
        let mut builder = AmazonS3Builder::new()
            .with_http_connector(NotAsked)
            .with_allow_http(server.scheme() == "http")
            .with_endpoint(server.as_str().trim_end_matches('/'))
            .with_region(self.region())
            .with_bucket_name(bucket);
        // One of the two alone is refused by name.
        for (value, set) in [
            (
                &self.access_key_id,
                AmazonS3Builder::with_access_key_id as fn(_, String) -> _,
            ),
            (
                &self.secret_access_key,
                AmazonS3Builder::with_secret_access_key,
            ),
            (&self.session_token, AmazonS3Builder::with_token),
        ] {
            if let Some(value) = value {
                builder = set(builder, value.clone());
            }
        }
        let method = match is_head {
            true => ureq::http::Method::HEAD,
            false => ureq::http::Method::GET,
        };
        let signer = builder.build().map_err(|e| bad(&e))?;
        let signed = at_once(signer.signed_url(method, &key, SIGNED_FOR));
        signed.map_err(|e| bad(&e))
    }
}

impl fmt::Debug for Account {
    /// Keys are shown to nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("region", &self.region)
            .field("has_keys", &self.has_keys())
            .finish_non_exhaustive()
    }
}

/// The value of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a signature by keys waits for nothing"),
    }
}

/// The client of a signer, which asks nobody.
#[derive(Debug)]
struct NotAsked;

impl HttpConnector for NotAsked {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(NotAsked))
    }
}

impl HttpService for NotAsked {
    fn call<'service, 'future>(
        &'service self,
        _: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = std::result::Result<HttpResponse, HttpError>> + Send + 'future>>
    where
        'service: 'future,
        Self: 'future,
    {
        let refused = std::io::Error::other("a signer asks nobody");
        let refused = HttpError::new(HttpErrorKind::Unknown, refused);
        Box::pin(std::future::ready(Err(refused)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn with_keys() -> Account {
        Account {
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
            secret_access_key: Some("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
            ..Account::default()
        }
    }

    #[test]
    fn without_keys_the_address_is_the_server_the_bucket_and_the_key() {
        let key = "s3://commoncrawl/crawl-data/CC-MAIN-2026-39/a%20b.warc.wat.gz";
        for (endpoint, region, expected) in [
            (
                None,
                None,
                "https://s3.us-east-1.amazonaws.com/commoncrawl/",
            ),
            (
                None,
                Some("eu-west-1"),
                "https://s3.eu-west-1.amazonaws.com/commoncrawl/",
            ),
            (
                Some("http://127.0.0.1:9000"),
                None,
                "http://127.0.0.1:9000/commoncrawl/",
            ),
            (
                Some("https://store.example/s3/"),
                None,
                "https://store.example/s3/commoncrawl/",
            ),
        ] {
            let account = Account {
                endpoint: endpoint.map(str::to_owned),
                region: region.map(str::to_owned),
                ..Account::default()
            };
            let address = account.address(&object(key), false).unwrap();
            let expected = format!("{expected}crawl-data/CC-MAIN-2026-39/a%20b.warc.wat.gz");
            assert_eq!(address.as_str(), expected);
        }
    }

    #[test]
    fn with_keys_the_address_is_signed_for_its_method_and_keeps_the_secret() {
        let key = object("s3://commoncrawl/crawl-data/a%20b.warc.wat.gz");
        let mut account = with_keys();
        account.session_token = Some("for-a-while".to_owned());
        let get = account.address(&key, false).unwrap();
        let head = account.address(&key, true).unwrap();
        let path = "/commoncrawl/crawl-data/a%20b.warc.wat.gz";
        assert_eq!((get.path(), head.path()), (path, path));
        let field = |url: &Url, name: &str| {
            let mut pairs = url.query_pairs();
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let scope = field(&get, "X-Amz-Credential").unwrap();
        assert!(scope.starts_with("AKIAIOSFODNN7EXAMPLE/"), "{scope}");
        assert!(scope.ends_with("/us-east-1/s3/aws4_request"), "{scope}");
        assert_eq!(field(&get, "X-Amz-Security-Token").unwrap(), "for-a-while");
        assert_eq!(field(&get, "X-Amz-Expires").unwrap(), "43200");
        let signature = |url| field(url, "X-Amz-Signature").unwrap();
        assert_eq!(signature(&get).len(), 64);
        assert_ne!(signature(&get), signature(&head));
        assert!(
            !get.as_str().contains("EXAMPLEKEY") && !format!("{account:?}").contains("EXAMPLE")
        );
    }

    #[test]
    fn variables_that_make_no_sense_are_named() {
        let key = object("s3://commoncrawl/x.warc.wat.gz");
        let half = Account {
            secret_access_key: None,
            ..with_keys()
        };
        let nowhere = Account {
            endpoint: Some("minio:9000".to_owned()),
            ..Account::default()
        };
        let elsewhere = Account {
            region: Some("a.example/".to_owned()),
            ..Account::default()
        };
        for (account, says) in [
            (half, "secret"),
            (nowhere, "AWS_ENDPOINT_URL"),
            (elsewhere, "region"),
        ] {
            let error = account.address(&key, false).unwrap_err();
            assert_eq!(error.exit(), crate::error::Exit::Usage);
            let text = error.to_string().to_lowercase();
            assert!(text.contains(&says.to_lowercase()), "{text}");
        }
    }
}
