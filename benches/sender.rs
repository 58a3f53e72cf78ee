//! A plain `_bulk` sender on one kept-alive connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

/// Sends all documents and panics unless every one was acknowledged.
pub fn bulk(to: SocketAddr, token: &str, documents: &[String], per_request: usize) {
    let mut stream = TcpStream::connect(to).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    for chunk in documents.chunks(per_request) {
        let mut body = String::new();
        for document in chunk {
            body.push_str("{\"create\":{\"_index\":\"winlogbeat-8.19.0\"}}\n");
            body.push_str(document);
            body.push('\n');
        }
        let head = format!(
            "POST /_bulk HTTP/1.1\r\nhost: {to}\r\nauthorization: ApiKey {token}\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .expect("the head was sent");
        stream
            .write_all(body.as_bytes())
            .expect("the body was sent");
        let answer = read_answer(&mut answers);
        assert!(
            answer.contains("\"errors\":false"),
            "{}",
            &answer[..answer.len().min(400)]
        );
    }
}

fn read_answer(answers: &mut impl BufRead) -> String {
    let mut length = None;
    let mut line = String::new();
    loop {
        line.clear();
        answers.read_line(&mut line).expect("an answer");
        let trimmed = line.trim();
        if trimmed.is_empty() {
            break;
        }
        if let Some(value) = trimmed.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
    let mut body = vec![0; length.expect("a content-length")];
    answers.read_exact(&mut body).expect("the whole answer");
    String::from_utf8(body).expect("text")
}
