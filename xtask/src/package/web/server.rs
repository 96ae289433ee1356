//! A server of one folder's files, for this machine alone: enough for a page that is tried out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path};

use anyhow::{Context, Result};

/// Longest message that a page may send.
const LONGEST: u64 = 8 << 20;

/// Serves until `told`, which hears what a page sends (`POST`), has an answer for the caller.
pub(super) fn serve<T>(port: u16, folder: &Path, mut told: impl FnMut(&[u8]) -> Option<T>) -> Result<T> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("cannot listen on {port}"))?;
    loop {
        // Browsers give connections up as they like; the next one is as good.
        let Ok((stream, _)) = listener.accept() else { continue };
        if let Ok(Some(message)) = answer(stream, folder)
            && let Some(answer) = told(&message)
        {
            return Ok(answer);
        }
    }
}

/// Answers one request; the body of one that sends something.
fn answer(mut stream: TcpStream, folder: &Path) -> Result<Option<Vec<u8>>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "POST" {
        let mut body = Vec::new();
        reader.take(length.min(LONGEST)).read_to_end(&mut body)?;
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
        return Ok(Some(body));
    }
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let path = Path::new(if path.is_empty() { "index.html" } else { path });
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    match std::fs::read(folder.join(path)) {
        Ok(bytes) if inside => {
            let (kind, length) = (kind(path), bytes.len());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}");
            write!(stream, "{head}\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&bytes)?;
        }
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?,
    }
    Ok(None)
}

/// What a browser takes a file for.
fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server answers to a request, and what it hears.
    fn ask(folder: &Path, request: &str) -> (String, Option<Vec<u8>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let mut client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        client.write_all(request.as_bytes()).expect("sent");
        let heard = answer(listener.accept().expect("accepted").0, folder).expect("answered");
        let mut text = Vec::new();
        client.read_to_end(&mut text).expect("received");
        (String::from_utf8_lossy(&text).into_owned(), heard)
    }

    #[test]
    fn files_of_the_folder_are_served_and_no_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("made");
        std::fs::write(inner.join("index.html"), "page").expect("written");
        std::fs::write(folder.path().join("secret"), "secret").expect("written");
        for path in ["/", "/index.html", "/index.html?preset=s"] {
            let (text, _) = ask(&inner, &format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n"));
            assert!(text.starts_with("HTTP/1.1 200") && text.contains("text/html") && text.ends_with("page"), "{text}");
        }
        for path in ["/nothing", "/../secret", "/inner/../../secret"] {
            let (text, _) = ask(&inner, &format!("GET {path} HTTP/1.1\r\n\r\n"));
            assert!(text.starts_with("HTTP/1.1 404"), "{path}: {text}");
        }
        let (_, heard) = ask(&inner, "POST /told HTTP/1.1\r\ncontent-length: 4\r\n\r\nword");
        assert_eq!(heard.as_deref(), Some(&b"word"[..]));
    }
}
