//! The numbers as Markdown, and as JSON.

use std::fmt::Write;

use portrait_runtime::Engine;
use serde_json::{Map, Value, json};

use crate::same::{METHODS, Row};
use crate::score::{COLUMNS, Score};

/// The clips that the project's aims are set for; their mean is given beside that of all.
const AIM: [&str; 5] = ["013", "015", "038", "104", "110"];

/// A finished run.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) every: u64,
    pub(crate) seconds: f64,
    pub(crate) same: &'a [Row],
}

impl Run<'_> {
    /// Means of each method over the clips for which `of` holds.
    fn means(&self, of: impl Fn(&Row) -> bool) -> [Score; 5] {
        let rows: Vec<&Row> = self.same.iter().filter(|row| of(row)).collect();
        std::array::from_fn(|method| Score::mean(rows.iter().map(|row| &row.scores[method]).collect::<Vec<_>>()))
    }

    /// Means over the five clips that the aims are for, where all are there.
    fn aim(&self) -> Option<[Score; 5]> {
        let in_aim = |row: &Row| AIM.contains(&row.clip.as_str());
        (self.same.iter().filter(|row| in_aim(row)).count() == AIM.len()).then(|| self.means(in_aim))
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        let (adapter, tier) = (self.engine.gpu().adapter(), self.engine.gpu().tier());
        let id = self.engine.weights_id();
        let _ = writeln!(
            text,
            "Weights {}, preset {}, every {}th frame, {tier} on {}, {:.0} s.\n",
            &id[..id.len().min(12)],
            self.engine.preset().name,
            self.every,
            adapter.name,
            self.seconds
        );
        if let Some(scores) = self.aim() {
            let rows =
                METHODS.iter().zip(&scores).map(|(method, score)| ((*method).to_owned(), score)).collect::<Vec<_>>();
            let _ = writeln!(text, "### Mean of clips {}\n\n{}", AIM.join(", "), table("method", &rows));
        }
        let scores = self.means(|_| true);
        let rows = METHODS.iter().zip(&scores).map(|(method, score)| ((*method).to_owned(), score)).collect::<Vec<_>>();
        let _ = writeln!(text, "### Mean of all {} clips\n\n{}", self.same.len(), table("method", &rows));
        let rows =
            self.same.iter().map(|row| (format!("{} ({})", row.clip, row.frames), &row.scores[0])).collect::<Vec<_>>();
        let _ = writeln!(text, "### Clips (frames), the engine's result\n\n{}", table("clip", &rows));
        text
    }

    pub(crate) fn json(&self) -> String {
        let clips = self.same.iter().map(|row| {
            let moments: Vec<Value> = row
                .moments
                .iter()
                .map(|m| json!({"frame": m.frame, "turn": m.turn, "methods": methods(&m.scores)}))
                .collect();
            json!({"clip": row.clip, "frames": row.frames, "methods": methods(&row.scores), "moments": moments})
        });
        let report = json!({
            "weights": self.engine.weights_id(),
            "preset": self.engine.preset().name,
            "tier": self.engine.gpu().tier().to_string(),
            "adapter": self.engine.gpu().adapter().name,
            "every": self.every,
            "seconds": self.seconds,
            "same_identity": {
                "aim": self.aim().map(|scores| methods(&scores)),
                "mean": methods(&self.means(|_| true)),
                "clips": clips.collect::<Vec<_>>(),
            },
        });
        format!("{report:#}\n")
    }
}

fn methods(scores: &[Score; 5]) -> Value {
    let object = |score: &Score| -> Map<String, Value> {
        COLUMNS.iter().filter_map(|c| Some((c.key.to_owned(), json!(score.get(c.key)?)))).collect()
    };
    METHODS.iter().zip(scores).map(|(name, score)| ((*name).to_owned(), Value::Object(object(score)))).collect()
}

/// A table of the columns of which anything is known.
fn table(first: &str, rows: &[(String, &Score)]) -> String {
    let columns: Vec<_> = COLUMNS.iter().filter(|c| rows.iter().any(|(_, score)| score.get(c.key).is_some())).collect();
    let line = |name: &str, cells: Vec<String>| format!("| {name} | {} |\n", cells.join(" | "));
    let mut text = line(first, columns.iter().map(|c| c.title.to_owned()).collect());
    text += &line("---", columns.iter().map(|_| "---:".to_owned()).collect());
    for (name, score) in rows {
        let cell = |value: Option<f64>, decimals: usize| value.map_or("–".to_owned(), |v| format!("{v:.decimals$}"));
        text += &line(name, columns.iter().map(|c| cell(score.get(c.key), c.decimals)).collect());
    }
    text
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
