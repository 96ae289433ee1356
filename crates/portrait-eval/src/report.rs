//! The numbers as Markdown, and as JSON.

use std::fmt::Write;

use portrait_runtime::Engine;
use serde_json::{Map, Value, json};

use crate::coverage::{Bin, bins};
use crate::cross::Pair;
use crate::moment::{METHODS, OfMethods, means};
use crate::same::Row;
use crate::score::{COLUMNS, Score};

/// The clips that the project's aims are set for; their mean is given beside that of all.
const AIM: [&str; 5] = ["013", "015", "038", "104", "110"];
/// Columns of the coverage tables: method and key.
const COVERAGE: [(usize, &str); 7] =
    [(0, "l1"), (0, "psnr"), (0, "lpips"), (0, "akd"), (1, "psnr"), (2, "psnr"), (3, "psnr")];

/// A finished run.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) every: u64,
    pub(crate) seconds: f64,
    pub(crate) same: &'a [Row],
    pub(crate) cross: &'a [Pair],
}

impl Run<'_> {
    /// Means over the clips.
    fn mean(&self) -> OfMethods<Score> {
        means(self.same.iter().map(|row| &row.scores))
    }

    /// Means over the five clips that the aims are for, where all are there.
    fn aim(&self) -> Option<OfMethods<Score>> {
        let rows = self.same.iter().filter(|row| AIM.contains(&row.clip.as_str()));
        (rows.clone().count() == AIM.len()).then(|| means(rows.map(|row| &row.scores)))
    }

    /// Means over all pairs of a clip and a portrait.
    fn cross(&self) -> Option<OfMethods<Score>> {
        (!self.cross.is_empty()).then(|| means(self.cross.iter().map(|pair| &pair.scores)))
    }

    pub(crate) fn markdown(&self) -> String {
        let gpu = self.engine.gpu();
        let id = self.engine.weights_id();
        let mut text = format!(
            "Weights {}, preset {}, every {}th frame, {} on {}, {:.0} s.\n\n",
            &id[..id.len().min(12)],
            self.engine.preset().name,
            self.every,
            gpu.tier(),
            gpu.adapter().name,
            self.seconds
        );
        let mut part = |title: &str, table: String| {
            let _ = writeln!(text, "### {title}\n\n{table}");
        };
        if let Some(scores) = self.aim() {
            part(&format!("Same identity, mean of clips {}", AIM.join(", ")), by_method(&scores));
        }
        part(&format!("Same identity, mean of {} clips", self.same.len()), by_method(&self.mean()));
        if let Some(scores) = self.cross() {
            part(&format!("Cross identity, mean of {} pairs", self.cross.len()), by_method(&scores));
        }
        let clips = self.same.iter().map(|row| (format!("{} ({})", row.clip, row.moments.len()), &row.scores[0]));
        part("Same identity by clip (frames), the engine's result", table("clip", &clips.collect::<Vec<_>>()));
        for (axis, name) in ["turn", "nod"].into_iter().enumerate() {
            part(&format!("Same identity by {name} of the head away from the photo"), coverage(&bins(self.same, axis)));
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        let clip = |row: &Row| {
            let moment =
                |m: &crate::same::Moment| json!({"frame": m.frame, "turn": m.turn, "methods": methods(&m.scores)});
            let moments: Vec<Value> = row.moments.iter().map(moment).collect();
            json!({"clip": row.clip, "methods": methods(&row.scores), "moments": moments})
        };
        let pair = |pair: &Pair| {
            json!({
                "clip": pair.clip, "portrait": pair.portrait, "frame": pair.frame, "methods": methods(&pair.scores),
            })
        };
        let bins = |axis| -> Vec<Value> {
            let bin = |b: Bin| json!({"degrees": b.range, "frames": b.frames, "methods": methods(&b.scores)});
            bins(self.same, axis).into_iter().map(bin).collect()
        };
        let report = json!({
            "weights": self.engine.weights_id(),
            "preset": self.engine.preset().name,
            "tier": self.engine.gpu().tier().to_string(),
            "adapter": self.engine.gpu().adapter().name,
            "every": self.every,
            "seconds": self.seconds,
            "same_identity": {
                "aim": self.aim().map(|scores| methods(&scores)),
                "mean": methods(&self.mean()),
                "turn": bins(0),
                "nod": bins(1),
                "clips": self.same.iter().map(clip).collect::<Vec<_>>(),
            },
            "cross_identity": {
                "mean": self.cross().map(|scores| methods(&scores)),
                "pairs": self.cross.iter().map(pair).collect::<Vec<_>>(),
            },
        });
        format!("{report:#}\n")
    }
}

fn methods(scores: &OfMethods<Score>) -> Value {
    let object = |score: &Score| -> Map<String, Value> {
        COLUMNS.iter().filter_map(|c| Some((c.key.to_owned(), json!(score.get(c.key)?)))).collect()
    };
    METHODS.iter().zip(scores).map(|(name, score)| ((*name).to_owned(), Value::Object(object(score)))).collect()
}

fn by_method(scores: &OfMethods<Score>) -> String {
    table("method", &METHODS.map(str::to_owned).into_iter().zip(scores).collect::<Vec<_>>())
}

/// A table of the columns of which anything is known.
fn table(first: &str, rows: &[(String, &Score)]) -> String {
    let columns: Vec<_> = COLUMNS.iter().filter(|c| rows.iter().any(|(_, score)| score.get(c.key).is_some())).collect();
    let mut text = line(first, columns.iter().map(|c| c.title.to_owned()));
    text += &line("---", columns.iter().map(|_| "---:".to_owned()));
    for (name, score) in rows {
        text += &line(name, columns.iter().map(|c| cell(score.get(c.key), c.decimals)));
    }
    text
}

fn coverage(bins: &[Bin]) -> String {
    let column = |key: &'static str| COLUMNS.iter().find(|c| c.key == key).map_or((key, 2), |c| (c.title, c.decimals));
    let known: Vec<_> =
        COVERAGE.iter().filter(|(method, key)| bins.iter().any(|b| b.scores[*method].get(key).is_some())).collect();
    let titles = known.iter().map(|(method, key)| format!("{} {}", METHODS[*method], column(key).0));
    let mut text = line("degrees", std::iter::once("frames".to_owned()).chain(titles));
    text += &line("---", (0..=known.len()).map(|_| "---:".to_owned()));
    for bin in bins {
        let cells = known.iter().map(|(method, key)| cell(bin.scores[*method].get(key), column(key).1));
        let degrees = format!("{}–{}", bin.range[0], bin.range[1]);
        text += &line(&degrees, std::iter::once(bin.frames.to_string()).chain(cells));
    }
    text
}

fn line(name: &str, cells: impl Iterator<Item = String>) -> String {
    format!("| {name} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or("–".to_owned(), |v| format!("{v:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_leave_out_what_nobody_knows() {
        let mut score = Score::default();
        score.set("psnr", 26.204);
        let text = table("method", &[("engine".to_owned(), &score), ("copy".to_owned(), &Score::default())]);
        assert_eq!(text, "| method | PSNR |\n| --- | ---: |\n| engine | 26.20 |\n| copy | – |\n");
    }
}
