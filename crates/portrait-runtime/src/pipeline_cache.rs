//! Compiled pipelines on disk, in a directory that the host gives: Vulkan only, since other backends keep a cache of their own.
//!
//! One file for each adapter and driver: `MAGIC`, SHA-256 of the rest, what the driver returned. A file that is not intact is
//! ignored; it costs a cold start.

use crate::avatar_file::write_whole;
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const MAGIC: &[u8; 8] = b"PORTPIPE";

#[derive(Debug)]
pub(crate) struct PipelineCache {
    file: PathBuf,
    cache: wgpu::PipelineCache,
    /// Pipelines compiled when the file was last written.
    saved: Mutex<usize>,
    warnings: Mutex<Vec<String>>,
}

impl PipelineCache {
    /// The cache of this adapter and driver in `directory`; `None` where the backend has no such thing.
    #[allow(unsafe_code, reason = "the data carries a checksum, and wgpu checks adapter and driver once more")]
    pub(crate) fn open(directory: &Path, device: &wgpu::Device, info: &wgpu::AdapterInfo) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let adapter = wgpu::util::pipeline_cache_key(info)?;
        let driver = Sha256::digest(format!("{}\n{}\n{}", info.name, info.driver, info.driver_info));
        let driver: String = driver[..4].iter().map(|b| format!("{b:02x}")).collect();
        let file = directory.join(format!("{adapter}_{driver}.pipelines"));
        let mut warnings = Vec::new();
        let stored = match std::fs::read(&file) {
            Ok(bytes) => match unseal(&bytes) {
                Some(data) => Some(data.to_vec()),
                None => {
                    warnings.push(format!("`{}` is damaged or no pipeline cache: ignored", file.display()));
                    None
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                warnings.push(format!("pipeline cache `{}` cannot be read: {error}", file.display()));
                None
            }
        };
        // SAFETY: only what `PipelineCache::get_data` returned is stored, and the checksum shows that it still is that.
        let cache = unsafe {
            device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                label: Some("pipelines on disk"),
                data: stored.as_deref(),
                fallback: true,
            })
        };
        Some(Self { file, cache, saved: Mutex::new(0), warnings: Mutex::new(warnings) })
    }

    pub(crate) fn get(&self) -> &wgpu::PipelineCache {
        &self.cache
    }

    /// What the host should know: a file that is ignored, or cannot be written.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the file if more pipelines were compiled than when it was last written. A failure is a warning: the next start is
    /// a cold one.
    pub(crate) fn save(&self, compiled: usize) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *saved, compiled) >= compiled {
            return;
        }
        if let Err(warning) = self.write() {
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
        }
    }

    /// Writes what the driver has compiled so far; the file appears whole or not at all.
    fn write(&self) -> Result<(), String> {
        let Some(data) = self.cache.get_data() else { return Ok(()) };
        let failed =
            |error: std::io::Error| format!("pipeline cache `{}` cannot be written: {error}", self.file.display());
        if let Some(directory) = self.file.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        write_whole(&self.file, &seal(&data)).map_err(failed)
    }
}

fn seal(data: &[u8]) -> Vec<u8> {
    [MAGIC, Sha256::digest(data).as_slice(), data].concat()
}

fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (sum, data) = bytes.strip_prefix(MAGIC)?.split_at_checked(32)?;
    (Sha256::digest(data).as_slice() == sum).then_some(data)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn only_an_intact_file_is_taken() {
        let good = seal(b"compiled");
        assert_eq!(unseal(&good), Some(b"compiled".as_slice()));
        for at in [0, 20, 43] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(unseal(&bad), None, "byte {at}");
        }
        for length in [0, 8, 39, 47] {
            assert_eq!(unseal(&good[..length]), None, "{length} bytes");
        }
    }
}
