//! What a key goes through: photos, drivers.

/// A list, what of it is shown, and what was asked for last: where that cannot be had, the next time it is passed over.
#[derive(Debug)]
pub(crate) struct Rota<T> {
    all: Vec<T>,
    current: usize,
    asked: usize,
}

impl<T: PartialEq> Rota<T> {
    /// The first of them is shown; there has to be one.
    pub(crate) fn new(all: Vec<T>) -> Self {
        assert!(!all.is_empty(), "nothing to choose from");
        Self { all, current: 0, asked: 0 }
    }

    pub(crate) fn all(&self) -> &[T] {
        &self.all
    }

    pub(crate) fn current(&self) -> &T {
        &self.all[self.current]
    }

    /// Where in the list that is.
    pub(crate) fn at(&self) -> usize {
        self.current
    }

    /// The one to ask for, and where in the list it is.
    pub(crate) fn next(&mut self) -> (usize, &T) {
        self.asked = (self.asked + 1) % self.all.len();
        // Asking for what is there would only begin it anew.
        if self.asked == self.current && self.all.len() > 1 {
            self.asked = (self.asked + 1) % self.all.len();
        }
        (self.asked, &self.all[self.asked])
    }

    /// These can be chosen as well.
    pub(crate) fn add(&mut self, items: impl IntoIterator<Item = T>) {
        for item in items {
            if !self.all.contains(&item) {
                self.all.push(item);
            }
        }
    }

    /// This is shown now. What is not known becomes the last one.
    pub(crate) fn show(&mut self, item: T) {
        let at = self.all.iter().position(|other| *other == item).unwrap_or_else(|| {
            self.all.push(item);
            self.all.len() - 1
        });
        if at != self.current {
            (self.current, self.asked) = (at, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_passed_over() {
        let mut rota = Rota::new(vec!["a", "broken", "c"]);
        assert_eq!(rota.next(), (1, &"broken"));
        // It could not be opened: still `a`, picture after picture.
        rota.show("a");
        rota.show("a");
        assert_eq!(rota.next(), (2, &"c"));
        rota.show("c");
        assert_eq!((*rota.current(), rota.next()), ("c", (0, &"a")));
        rota.show("a");
        rota.show("dropped on the window");
        assert_eq!((*rota.current(), rota.at(), rota.all().len()), ("dropped on the window", 3, 4));
        assert_eq!(rota.next(), (0, &"a"));
    }

    #[test]
    fn the_only_one_is_begun_anew() {
        let mut rota = Rota::new(vec![1]);
        assert_eq!(rota.next(), (0, &1));
        let mut rota = Rota::new(vec![1, 2]);
        assert_eq!(rota.next(), (1, &2));
        rota.show(1);
        assert_eq!(rota.next(), (1, &2), "perhaps it can be had now");
    }
}
