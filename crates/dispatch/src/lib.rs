//! What leaves the house: the notice as a PDF letter, the message that carries it, and the signed
//! link by which the addressee confirms receipt.
//!
//! Nothing here reads the clock or knows the rules of a case: times, numbers and states are
//! arguments. Every word comes from `locales/<language>/documents.ftl`.

mod ack;
mod fonts;
mod mail;
mod notice;
mod retry;
mod texts;
mod typeset;

pub use ack::{AckClaim, AckError, AckSigner, KeyTooShort};
pub use mail::{
    MailError, Message, SmtpConfig, TlsMode, check_address, format_message, notice_message,
    send_mail,
};
pub use notice::{DocumentLang, NoticeData, NoticeKind, Pdf, RenderError, render_notice};
pub use retry::retry_delay;
pub use texts::{TextError, text};
