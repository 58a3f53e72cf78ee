//! What leaves the house: documents (PDF, DOCX, XLSX, JSON), the message that carries them, and the
//! signed link by which the addressee confirms receipt.
//!
//! Nothing here reads the clock or knows the rules of a case: times, numbers and states are
//! arguments. Every word comes from `locales/<language>/documents.ftl`.

mod ack;
mod document;
mod docx;
mod feed;
mod folder;
mod fonts;
mod letter;
mod mail;
mod pdf;
mod retry;
mod stix;
mod texts;
mod typeset;
mod webhook;
mod xlsx;

pub use ack::{AckClaim, AckError, AckSigner, KeyTooShort};
pub use document::{
    Block, Case, Cell, Column, Document, DocumentLang, Field, File, Form, Format, RenderError,
    Signature, Table, minute, moment, render, shown,
};
pub use feed::{FeedEntry, calendar_feed};
pub use folder::drop_files;
pub use letter::{
    Letter, LetterError, check_template, information_template, letter_document, subject,
};
pub use mail::{
    MailError, Message, SmtpConfig, TlsMode, check_address, format_message, notice_message,
    send_mail,
};
pub use retry::retry_delay;
pub use stix::{StixCase, check_bundle, stix_bundle};
pub use texts::{TextError, in_all, text};
pub use webhook::{
    WEBHOOK_SECRET_BYTES_MIN, Webhook, post_webhook, tls_trusting, webhook_signature,
};
