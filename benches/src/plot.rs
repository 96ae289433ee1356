//! Plots as SVG text.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 340.0;
/// Room for labels: left, right, top, bottom.
const MARGIN: [f64; 4] = [64.0, 16.0, 12.0, 44.0];
/// Height of a row of the legend, four names above the chart.
const LEGEND: f64 = 20.0;
/// Colours of series, in order; told apart in print and by most eyes.
pub(crate) const COLORS: [&str; 4] = ["#2f6fb5", "#d9772b", "#3a9a6b", "#8a5bb0"];

/// Text inside HTML or SVG.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number with three significant digits.
pub(crate) fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { 2 - value.abs().log10().floor() as i32 };
    format!("{value:.*}", digits.clamp(0, 6) as usize)
}

/// One direction of a chart.
pub(crate) struct Axis {
    label: String,
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    /// From zero to a little above the largest value.
    pub(crate) fn linear(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let high = values.fold(0.0, f64::max);
        Self { label: label.to_owned(), low: 0.0, high: if high > 0.0 { 1.05 * high } else { 1.0 }, log: false }
    }

    /// Whole decades around all positive values.
    pub(crate) fn log(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.filter(|v| *v > 0.0).fold((f64::MAX, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low > high { (0.1, 10.0) } else { (low, high) };
        let decade = |v: f64, round: fn(f64) -> f64| 10f64.powf(round(v.log10()));
        let (low, high) = (decade(low, f64::floor), decade(high, f64::ceil));
        Self { label: label.to_owned(), low, high: high.max(10.0 * low), log: true }
    }

    pub(crate) fn range(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// Position of a value, 0..=1 inside the chart.
    fn at(&self, value: f64) -> f64 {
        let map = |v: f64| if self.log { v.max(self.low * 1e-3).log10() } else { v };
        ((map(value) - map(self.low)) / (map(self.high) - map(self.low))).clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let first = self.low.log10().round() as i32;
            return (first..=self.high.log10().round() as i32).map(|e| 10f64.powi(e)).collect();
        }
        let rough = self.high / 5.0;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * decade).into_iter().find(|s| *s >= rough).unwrap_or(rough);
        (0..).map(|i| f64::from(i) * step).take_while(|t| *t <= self.high).collect()
    }
}

/// A chart under construction.
pub(crate) struct Chart {
    x: Axis,
    y: Axis,
    body: String,
    legend: Vec<(String, &'static str)>,
}

impl Chart {
    pub(crate) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, body: String::new(), legend: Vec::new() }
    }

    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [left, right, top, bottom] = MARGIN;
        let (w, h) = (WIDTH - left - right, HEIGHT - top - bottom);
        [left + w * self.x.at(x), top + h * (1.0 - self.y.at(y))]
    }

    /// A dot with a text that shows on hovering.
    pub(crate) fn dot(&mut self, at: [f64; 2], color: &str, text: &str) {
        let [x, y] = self.place(at);
        put(
            &mut self.body,
            &format!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{color}" fill-opacity="0.7"><title>{}</title></circle>"#,
                escape(text)
            ),
        );
    }

    /// A line through points.
    pub(crate) fn line(&mut self, points: &[[f64; 2]], color: &str, dashed: bool) {
        let list: Vec<String> = points.iter().map(|p| self.place(*p)).map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let dash = if dashed { r#" stroke-dasharray="5 4""# } else { "" };
        put(
            &mut self.body,
            &format!(
                r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="1.8"{dash}/>"#,
                list.join(" ")
            ),
        );
    }

    /// Names a colour.
    pub(crate) fn legend(&mut self, text: &str, color: &'static str) {
        self.legend.push((text.to_owned(), color));
    }

    pub(crate) fn svg(&self) -> String {
        let above = LEGEND * self.legend.len().div_ceil(4) as f64;
        let mut out = format!(r#"<svg viewBox="0 {:.0} {WIDTH} {:.0}" role="img">"#, -above, HEIGHT + above);
        let ([x0, y0], [x1, y1]) = (self.place([self.x.low, self.y.low]), self.place([self.x.high, self.y.high]));
        for tick in self.x.ticks() {
            let [x, _] = self.place([tick, self.y.low]);
            put(&mut out, &format!(r#"<line class="grid" x1="{x:.1}" y1="{y0:.1}" x2="{x:.1}" y2="{y1:.1}"/>"#));
            put(
                &mut out,
                &format!(r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#, y0 + 16.0, short(tick)),
            );
        }
        for tick in self.y.ticks() {
            let [_, y] = self.place([self.x.low, tick]);
            put(&mut out, &format!(r#"<line class="grid" x1="{x0:.1}" y1="{y:.1}" x2="{x1:.1}" y2="{y:.1}"/>"#));
            put(
                &mut out,
                &format!(r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#, x0 - 6.0, y + 4.0, short(tick)),
            );
        }
        let (middle_x, middle_y) = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
        put(
            &mut out,
            &format!(
                r#"<text x="{middle_x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                HEIGHT - 8.0,
                escape(&self.x.label)
            ),
        );
        put(
            &mut out,
            &format!(
                r#"<text transform="translate(14 {middle_y:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
                escape(&self.y.label)
            ),
        );
        put(&mut out, &self.body);
        for (i, (text, color)) in self.legend.iter().enumerate() {
            let (x, y) = (x0 + (i % 4) as f64 * (x1 - x0) / 4.0, LEGEND * (i / 4) as f64 - above + 14.0);
            put(&mut out, &format!(r#"<rect x="{x:.1}" y="{:.1}" width="10" height="10" fill="{color}"/>"#, y - 9.0));
            put(&mut out, &format!(r#"<text x="{:.1}" y="{y:.1}">{}</text>"#, x + 16.0, escape(text)));
        }
        out.push_str("</svg>");
        out
    }
}

/// One bar of [`bars`].
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    pub(crate) color: &'static str,
    /// Behind the bar.
    pub(crate) note: String,
}

/// Horizontal bars, the longest as wide as there is room.
pub(crate) fn bars(list: &[Bar]) -> String {
    const ROW: f64 = 17.0;
    const LABEL: f64 = 280.0;
    const NOTE: f64 = 215.0;
    let longest = list.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let height = ROW * list.len() as f64 + 4.0;
    let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img">"#);
    for (i, bar) in list.iter().enumerate() {
        let y = ROW * i as f64 + 2.0;
        let width = (WIDTH - LABEL - NOTE) * bar.value / longest;
        put(
            &mut out,
            &format!(
                r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
                LABEL - 6.0,
                y + 12.0,
                escape(&bar.label)
            ),
        );
        put(
            &mut out,
            &format!(r#"<rect x="{LABEL:.0}" y="{y:.1}" width="{width:.1}" height="13" fill="{}"/>"#, bar.color),
        );
        put(
            &mut out,
            &format!(r#"<text x="{:.1}" y="{:.1}">{}</text>"#, LABEL + width + 6.0, y + 12.0, escape(&bar.note)),
        );
    }
    out.push_str("</svg>");
    out
}

fn put(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_cover_their_values() {
        let axis = Axis::log("x", [0.3, 42.0].into_iter());
        assert_eq!(axis.range().map(|v| (v * 10.0).round()), [1.0, 1000.0]);
        assert_eq!(axis.ticks().len(), 4);
        let axis = Axis::linear("y", [3.0, 9.0].into_iter());
        assert!(axis.at(9.0) < 1.0 && axis.at(0.0) == 0.0 && axis.ticks() == [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!([short(1234.5), short(0.01234), short(0.0)], ["1234", "0.0123", "0"]);
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let bar = Bar { label: "<script>".into(), value: 1.0, color: COLORS[0], note: "\"&".into() };
        let svg = bars(&[bar]);
        assert!(svg.contains("&lt;script&gt;") && svg.contains("&quot;&amp;") && !svg.contains("<script>"));
    }
}
