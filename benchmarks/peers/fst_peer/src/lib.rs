//! The plates as a finite-state transducer, searched with a Levenshtein automaton of each read.
//!
//! Both kinds of automaton work on code points and are built anew for each read: `own` is the one that comes with
//! `fst`, `parametric` that of `levenshtein_automata`, which makes its table once for each k.

use std::collections::HashSet;

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
    set: Set<Vec<u8>>,
    /// By k.
    builders: Vec<LevenshteinAutomatonBuilder>,
}

#[pymethods]
impl Plates {
    #[new]
    fn new(mut plates: Vec<String>, most_edits: u8) -> PyResult<Self> {
        plates.sort_unstable();
        Ok(Self {
            set: Set::from_iter(plates).map_err(value_error)?,
            builders: (0..=most_edits)
                .map(|k| LevenshteinAutomatonBuilder::new(k, false))
                .collect(),
        })
    }

    fn own(&self, py: Python<'_>, reads: Vec<String>, k: u32) -> PyResult<Found> {
        py.detach(|| {
            reads
                .iter()
                .map(|read| {
                    let automaton =
                        Levenshtein::new_with_limit(read, k, STATES).map_err(value_error)?;
                    self.accepted(automaton)
                })
                .collect()
        })
    }

    fn parametric(&self, py: Python<'_>, reads: Vec<String>, k: usize) -> PyResult<Found> {
        let builder = self
            .builders
            .get(k)
            .ok_or_else(|| PyValueError::new_err("not built for as many edits"))?;
        py.detach(|| {
            reads
                .iter()
                .map(|read| self.accepted(builder.build_dfa(read)))
                .collect()
        })
    }
}

impl Plates {
    fn accepted(&self, automaton: impl Automaton) -> PyResult<HashSet<String>> {
        let plates = self.set.search(automaton).into_stream().into_strs();
        Ok(plates.map_err(value_error)?.into_iter().collect())
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
