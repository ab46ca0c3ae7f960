//! The plates as a finite-state transducer, searched with a Levenshtein automaton of each read.
//!
//! Both kinds of automaton work on code points and are built anew for each read: `own` is the one that comes with
//! `fst`, `parametric` that of `levenshtein_automata`, which makes its table once for each k.

use std::collections::{BTreeSet, HashMap, HashSet};

use fst::automaton::{Automaton, Levenshtein};
use fst::{IntoStreamer, Set};
use levenshtein_automata::LevenshteinAutomatonBuilder;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// `fst` refuses an automaton of more than 10,000 states, which a long read with k = 3 can need.
const STATES: usize = 1_000_000;

type Found = Vec<HashSet<String>>;

#[pyclass(frozen)]
struct Plates {
    symbols: Symbols,
    set: Set<Vec<u8>>,
    /// By k.
    builders: Vec<LevenshteinAutomatonBuilder>,
}

#[pymethods]
impl Plates {
    #[new]
    fn new(plates: Vec<String>, most_edits: u8) -> PyResult<Self> {
        let symbols = Symbols::of(&plates);
        let mut keys: Vec<_> = plates.iter().map(|plate| symbols.encode(plate)).collect();
        keys.sort_unstable();
        Ok(Self {
            symbols,
            set: Set::from_iter(keys).map_err(value_error)?,
            builders: (0..=most_edits)
                .map(|k| LevenshteinAutomatonBuilder::new(k, false))
                .collect(),
        })
    }

    /// Whether a symbol is one byte. Where it is not, `own` misses plates: BurntSushi/fst#38.
    #[getter]
    fn bytewise(&self) -> bool {
        self.symbols.bytewise()
    }

    fn own(&self, py: Python<'_>, reads: Vec<String>, k: u32) -> PyResult<Found> {
        self.search(py, &reads, |read| {
            Levenshtein::new_with_limit(read, k, STATES).map_err(value_error)
        })
    }

    fn parametric(&self, py: Python<'_>, reads: Vec<String>, k: usize) -> PyResult<Found> {
        let builder = self
            .builders
            .get(k)
            .ok_or_else(|| PyValueError::new_err("not built for as many edits"))?;
        self.search(py, &reads, |read| Ok(builder.build_dfa(read)))
    }
}

impl Plates {
    fn search<A: Automaton>(
        &self,
        py: Python<'_>,
        reads: &[String],
        automaton: impl Fn(&str) -> PyResult<A> + Send + Sync,
    ) -> PyResult<Found> {
        py.detach(|| {
            reads
                .iter()
                .map(|read| {
                    let automaton = automaton(&self.symbols.encode(read))?;
                    let keys = self.set.search(automaton).into_stream().into_strs();
                    let keys = keys.map_err(value_error)?;
                    Ok(keys.iter().map(|key| self.symbols.decode(key)).collect())
                })
                .collect()
        })
    }
}

/// What the list uses, each as one byte of ASCII where there are few enough: automata of one-byte symbols are smaller.
struct Symbols {
    all: Vec<char>,
    codes: HashMap<char, char>,
}

impl Symbols {
    const MOST: usize = 0x7f;
    /// Stands for every symbol that no plate has.
    const OTHER: char = '\0';

    fn of(plates: &[String]) -> Self {
        let all: BTreeSet<char> = plates.iter().flat_map(|plate| plate.chars()).collect();
        let all: Vec<char> = all.into_iter().collect();
        let codes = (1..=Self::MOST as u8).map(char::from).zip(&all);
        let codes = codes.map(|(code, symbol)| (*symbol, code)).collect();
        Self { all, codes }
    }

    fn bytewise(&self) -> bool {
        self.all.len() <= Self::MOST
    }

    fn encode(&self, text: &str) -> String {
        if !self.bytewise() {
            return text.to_owned();
        }
        let code = |symbol| self.codes.get(&symbol).copied().unwrap_or(Self::OTHER);
        text.chars().map(code).collect()
    }

    fn decode(&self, key: &str) -> String {
        if !self.bytewise() {
            return key.to_owned();
        }
        key.bytes()
            .map(|code| self.all[usize::from(code) - 1])
            .collect()
    }
}

fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pymodule]
mod fst_peer {
    #[pymodule_export]
    use super::Plates;

    /// Which versions these are.
    #[pymodule_export]
    const CARGO_LOCK: &str = include_str!("../Cargo.lock");
}
