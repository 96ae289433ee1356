//! A layer of gated recurrent units (Cho et al. 2014), in PyTorch's form: what is forgotten of the candidate is decided after its
//! recurrent product.

/// Weights and what the layer remembers.
#[derive(Debug)]
pub(super) struct Gru {
    /// Rows of inputs, and of units: those that decide what is reset, what is kept, and the candidates.
    input: Vec<f32>,
    recurrent: Vec<f32>,
    input_bias: Vec<f32>,
    recurrent_bias: Vec<f32>,
    state: Vec<f32>,
}

impl Gru {
    /// `input` `[3 n, inputs]`, `recurrent` `[3 n, n]` and biases `[3 n]` of `n` units.
    pub(super) fn new(input: Vec<f32>, recurrent: Vec<f32>, input_bias: Vec<f32>, recurrent_bias: Vec<f32>) -> Self {
        let state = vec![0.0; input_bias.len() / 3];
        Self { input, recurrent, input_bias, recurrent_bias, state }
    }

    /// Hears one step; the units' values.
    pub(super) fn step(&mut self, x: &[f32]) -> &[f32] {
        let n = self.state.len();
        let from_input = product(&self.input, x, &self.input_bias);
        let from_state = product(&self.recurrent, &self.state, &self.recurrent_bias);
        let gate = |k: usize| 1.0 / (1.0 + (-(from_input[k] + from_state[k])).exp());
        for k in 0..n {
            let (reset, keep) = (gate(k), gate(n + k));
            let candidate = (from_input[2 * n + k] + reset * from_state[2 * n + k]).tanh();
            self.state[k] = candidate + keep * (self.state[k] - candidate);
        }
        &self.state
    }
}

fn product(rows: &[f32], x: &[f32], bias: &[f32]) -> Vec<f32> {
    let dot = |row: &[f32]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
    rows.chunks_exact(x.len()).zip(bias).map(|(row, bias)| dot(row) + bias).collect()
}
