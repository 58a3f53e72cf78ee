//! From rules to atoms, scanners and programs.
//!
//! An atom is one matcher on one field; rules that ask the same share it. Most atoms are found
//! by their field's scanner and announce themselves (eager); the rest is asked when a program
//! wants to know (lazy).

use std::collections::HashMap;

use aho_corasick::BuildError;
use saqshy_event::Value;

use super::fields::WindowsFields;
use super::glob::FastGlob;
use super::literal::{self, Needles, Place};
use super::parts;
use super::program::{Expr, Programs};
use super::regex::FastRegex;
use super::scan::{Scanner, ScannerBuilder, Verify};
use crate::condition::Condition;
use crate::matcher::{Matcher, Side};
use crate::pipeline::{Gate, Names};
use crate::resolve::{Bound, Leaf, Tree, Variant};
use crate::rule::Rule;

/// A field of the rules.
#[derive(Debug)]
pub(super) struct Field {
    pub names: Names,
    pub scanner: Scanner,
}

#[derive(Debug)]
pub(super) struct Atom {
    pub field: u32,
    pub test: Test,
}

#[derive(Debug)]
pub(super) enum Test {
    /// Found by the field's scanner.
    Eager,
    /// Asked for each distinct value; the number is its place among the remembered ones.
    Value(u32, Ask),
    Exists(bool),
    Null,
    Refers {
        other: u32,
        side: Side,
        cased: bool,
    },
}

/// What is asked of a value.
#[derive(Debug)]
pub(super) enum Ask {
    Regex(FastRegex),
    Other(Matcher),
}

impl Ask {
    /// Whether it holds for a value (for one of its items).
    pub fn holds(&self, value: &Value) -> bool {
        value.items().iter().any(|item| match self {
            Ask::Regex(regex) => item.to_text().is_some_and(|text| regex.is_match(&text)),
            Ask::Other(matcher) => matcher.holds_one(item),
        })
    }
}

/// A rule on one kind of event.
#[derive(Debug)]
pub(super) struct Program {
    pub rule: u32,
    /// Index in [`Compiled::sources`].
    pub source: u32,
    pub root: u32,
    /// Fields whose eager atoms the program reads.
    pub fields: Vec<u32>,
    /// Those of its parts that can be asked before the whole, each of another field.
    pub parts: Vec<Part>,
}

/// What must hold of one field alone for a program to hold.
#[derive(Debug)]
pub(super) struct Part {
    pub field: u32,
    pub root: u32,
    /// It may hold where the field is absent.
    pub without: bool,
    /// How much it asks.
    weight: usize,
}

impl Program {
    /// The part that decides most.
    pub fn best_part(&self) -> Option<&Part> {
        self.parts.iter().max_by_key(|part| part.weight)
    }
}

#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub fields: Vec<Field>,
    pub atoms: Vec<Atom>,
    /// For each atom its field if it is eager, else [`LAZY`]: most are, and are asked about in
    /// the innermost loop.
    eager: Vec<u32>,
    pub remembered: usize,
    pub gates: Vec<Gate>,
    /// Kinds of events: the gates that must hold, sorted.
    pub sources: Vec<Vec<u32>>,
    pub programs: Vec<Program>,
    /// For each atom how common it is believed to be, and how many programs ask for it; infinite
    /// for lazy ones.
    pub costs: Vec<f32>,
    pub code: Programs,
    pub windows: WindowsFields,
}

/// In place of a field.
const LAZY: u32 = u32::MAX;

impl Compiled {
    /// The field of an eager atom.
    #[inline]
    pub fn eager_field(&self, atom: u32) -> Option<u32> {
        let field = self.eager[atom as usize];
        (field != LAZY).then_some(field)
    }
}

#[derive(Default)]
pub(super) struct Compiler {
    /// By the names and, where these are open, by the source: fewer literals are found faster.
    field_ids: HashMap<(Names, Option<u32>), u32>,
    /// The source of the rule that is added.
    source: u32,
    scanners: Vec<ScannerBuilder>,
    atom_ids: HashMap<(u32, Bound), u32>,
    /// How common an eager atom is believed to be; infinite for lazy ones.
    costs: Vec<f32>,
    gate_ids: HashMap<Gate, u32>,
    source_ids: HashMap<Vec<u32>, u32>,
    pending: Vec<(u32, u32, Expr)>,
    out: Compiled,
}

impl Compiler {
    pub fn add(&mut self, index: u32, rule: &Rule, variants: &[Variant<'_>]) {
        for variant in variants {
            self.out.windows.add(variant);
            let source = self.source(&variant.when);
            self.source = source;
            let searches: Vec<Expr> = variant
                .searches
                .iter()
                .map(|tree| self.tree(tree))
                .collect();
            let conditions = rule.detection.conditions.iter();
            let any = conditions
                .map(|written| condition(&written.condition, &searches))
                .collect();
            let expr = self.order(or(any));
            self.pending.push((index, source, expr));
        }
    }

    pub fn finish(mut self) -> Result<Compiled, BuildError> {
        // Every matcher is here once more.
        self.atom_ids = HashMap::new();
        let eager = self.out.atoms.iter().map(|atom| match atom.test {
            Test::Eager => atom.field,
            _ => LAZY,
        });
        self.out.eager = eager.collect();
        let mut uses = vec![0u32; self.out.atoms.len()];
        let mut atoms = Vec::new();
        for (_, _, expr) in &self.pending {
            atoms.clear();
            expr.atoms(&mut atoms);
            atoms.sort_unstable();
            atoms.dedup();
            atoms.iter().for_each(|&atom| uses[atom as usize] += 1);
        }
        let costs = self.costs.iter().zip(&uses);
        self.out.costs = costs.map(|(cost, &uses)| cost * uses as f32).collect();
        for (rule, source, expr) in std::mem::take(&mut self.pending) {
            atoms.clear();
            expr.atoms(&mut atoms);
            let eager = atoms.iter().map(|&atom| &self.out.atoms[atom as usize]);
            let mut fields: Vec<u32> = eager
                .filter(|atom| matches!(atom.test, Test::Eager))
                .map(|atom| atom.field)
                .collect();
            fields.sort_unstable();
            fields.dedup();
            let root = self.out.code.add(&expr);
            let parts = self.parts(&expr);
            let program = Program {
                rule,
                source,
                root,
                fields,
                parts,
            };
            self.out.programs.push(program);
        }
        for (field, scanner) in self.out.fields.iter_mut().zip(self.scanners) {
            field.scanner = scanner.build()?;
        }
        Ok(self.out)
    }

    /// What can be asked of single fields before the program at whose root `expr` stands.
    fn parts(&mut self, expr: &Expr) -> Vec<Part> {
        let mut parts = Vec::new();
        for (field, own) in parts::by_field(expr, &self.out.atoms) {
            // A row has many values in an open field, and none of them decides alone.
            if self.out.fields[field as usize].names.are_open() {
                continue;
            }
            let expr = self.order(and(own));
            // That one of its atoms holds is what its triggers say already.
            let eager = |atom: &u32| matches!(self.out.atoms[*atom as usize].test, Test::Eager);
            if matches!(&expr, Expr::Any(atoms) if atoms.iter().all(eager)) {
                continue;
            }
            let root = self.out.code.add(&expr);
            let absent = |atom: u32| match self.out.atoms[atom as usize].test {
                Test::Eager | Test::Value(..) | Test::Refers { .. } => false,
                Test::Exists(wanted) => !wanted,
                Test::Null => true,
            };
            parts.push(Part {
                field,
                root,
                without: self.out.code.holds(root, &mut { absent }),
                weight: self.effort(&expr),
            });
        }
        parts
    }

    fn source(&mut self, when: &[Gate]) -> u32 {
        let mut gates: Vec<u32> = when
            .iter()
            .map(|gate| {
                let all = &mut self.out.gates;
                *self.gate_ids.entry(gate.clone()).or_insert_with(|| {
                    all.push(gate.clone());
                    all.len() as u32 - 1
                })
            })
            .collect();
        gates.sort_unstable();
        gates.dedup();
        let sources = &mut self.out.sources;
        *self.source_ids.entry(gates).or_insert_with_key(|gates| {
            sources.push(gates.clone());
            sources.len() as u32 - 1
        })
    }

    fn tree(&mut self, tree: &Tree<'_>) -> Expr {
        match tree {
            Tree::All(parts) => and(parts.iter().map(|part| self.tree(part)).collect()),
            Tree::Any(parts) => or(parts.iter().map(|part| self.tree(part)).collect()),
            Tree::Item(leaf) => self.leaf(leaf),
        }
    }

    fn leaf(&mut self, leaf: &Leaf<'_>) -> Expr {
        let field = self.field(leaf.names.clone());
        let values = leaf.values.iter().map(|forms| {
            let mut atoms: Vec<u32> = forms.iter().map(|bound| self.atom(field, bound)).collect();
            atoms.sort_unstable();
            atoms.dedup();
            if atoms.is_empty() {
                Expr::Const(false)
            } else {
                Expr::Any(atoms)
            }
        });
        let values: Vec<Expr> = values.collect();
        let expr = if leaf.item.all {
            and(values)
        } else {
            or(values)
        };
        if leaf.item.negated {
            Expr::Not(Box::new(expr))
        } else {
            expr
        }
    }

    fn field(&mut self, names: Names) -> u32 {
        let (fields, scanners) = (&mut self.out.fields, &mut self.scanners);
        let source = names.are_open().then_some(self.source);
        let key = (names, source);
        *self.field_ids.entry(key).or_insert_with_key(|(names, _)| {
            fields.push(Field {
                names: names.clone(),
                scanner: Scanner::default(),
            });
            scanners.push(ScannerBuilder::default());
            fields.len() as u32 - 1
        })
    }

    fn atom(&mut self, field: u32, bound: &Bound) -> u32 {
        let key = (field, bound.clone());
        if let Some(&atom) = self.atom_ids.get(&key) {
            return atom;
        }
        let atom = self.out.atoms.len() as u32;
        let (test, cost) = self.test(field, atom, bound);
        self.out.atoms.push(Atom { field, test });
        self.costs.push(cost);
        self.atom_ids.insert(key, atom);
        atom
    }

    fn test(&mut self, field: u32, atom: u32, bound: &Bound) -> (Test, f32) {
        let found = match &bound.matcher {
            Matcher::Exists(wanted) => return (Test::Exists(*wanted), f32::INFINITY),
            Matcher::Null => return (Test::Null, f32::INFINITY),
            Matcher::FieldRef { side, cased, .. } => {
                let other = self.field(bound.other.clone().unwrap_or(Names::All));
                return (
                    Test::Refers {
                        other,
                        side: *side,
                        cased: *cased,
                    },
                    f32::INFINITY,
                );
            }
            Matcher::Text { glob, cased } => literal::of_glob(glob, *cased).map(|needles| {
                let asked = needles.place == Place::Verify;
                let glob = || Verify::Glob(FastGlob::new(glob, *cased));
                (needles, asked.then(glob))
            }),
            Matcher::Regex(pattern) => {
                let parsed = pattern.parsed();
                let fast = FastRegex::new(pattern, parsed.as_ref());
                match parsed.as_ref().and_then(literal::of_regex) {
                    Some(needles) => Some((needles, Some(Verify::Regex(fast)))),
                    None => return self.ask(Ask::Regex(fast)),
                }
            }
            Matcher::Cidr(network) => {
                self.scanners[field as usize].add_network(atom, *network);
                return (Test::Eager, 1.0);
            }
            Matcher::Compare { .. } => None,
        };
        match found {
            Some((needles, verify)) => {
                let cost = cost(&needles);
                self.scanners[field as usize].add(atom, needles, verify);
                (Test::Eager, cost)
            }
            None => self.ask(Ask::Other(bound.matcher.clone())),
        }
    }

    fn ask(&mut self, ask: Ask) -> (Test, f32) {
        let place = self.out.remembered as u32;
        self.out.remembered += 1;
        (Test::Value(place, ask), f32::INFINITY)
    }

    /// Puts cheap and selective parts of a conjunction first.
    fn order(&self, expr: Expr) -> Expr {
        match expr {
            Expr::And(parts) => {
                let mut parts: Vec<Expr> = parts.into_iter().map(|part| self.order(part)).collect();
                parts.sort_by_key(|part| self.effort(part));
                Expr::And(parts)
            }
            Expr::Or(parts) => {
                let mut parts: Vec<Expr> = parts.into_iter().map(|part| self.order(part)).collect();
                parts.sort_by_key(|part| self.effort(part));
                Expr::Or(parts)
            }
            Expr::Not(inner) => Expr::Not(Box::new(self.order(*inner))),
            other => other,
        }
    }

    /// Atoms to look at, lazy ones weighing more.
    fn effort(&self, expr: &Expr) -> usize {
        let mut atoms = Vec::new();
        expr.atoms(&mut atoms);
        let weight = |&atom: &u32| match self.out.atoms[atom as usize].test {
            Test::Eager => 1,
            Test::Exists(_) | Test::Null => 2,
            Test::Value(..) => 20,
            Test::Refers { .. } => 4,
        };
        atoms.iter().map(weight).sum()
    }
}

/// How often a literal is expected to be found: short ones and bare numbers often.
fn cost(needles: &Needles) -> f32 {
    let one = |text: &String| {
        let by_length = match text.chars().count() {
            0..=2 => 1.0,
            3 => 0.5,
            4 => 0.25,
            5 => 0.12,
            6 => 0.06,
            7 => 0.03,
            _ => 0.01,
        };
        let word = matches!(text.as_str(), "true" | "false" | "success" | "failure");
        if word || text.bytes().all(|byte| byte.is_ascii_digit()) {
            1.0
        } else {
            by_length
        }
    };
    needles.texts.iter().map(one).sum()
}

fn condition(condition: &crate::condition::Condition, searches: &[Expr]) -> Expr {
    let all = |parts: &[Condition]| {
        parts
            .iter()
            .map(|part| self::condition(part, searches))
            .collect()
    };
    match condition {
        Condition::Search(at) => searches[*at].clone(),
        Condition::Not(inner) => Expr::Not(Box::new(self::condition(inner, searches))),
        Condition::All(parts) => and(all(parts)),
        Condition::Any(parts) => or(all(parts)),
        Condition::AtLeast(count, parts) => Expr::AtLeast(*count, all(parts)),
    }
}

/// Conjunction, flattened; single atoms are put together.
fn and(parts: Vec<Expr>) -> Expr {
    let mut out = Vec::new();
    let mut each = Vec::new();
    for part in parts {
        match part {
            Expr::And(inner) => out.extend(inner),
            Expr::Each(atoms) => each.extend(atoms),
            Expr::Any(atoms) if atoms.len() == 1 => each.extend(atoms),
            other => out.push(other),
        }
    }
    if !each.is_empty() {
        out.push(Expr::Each(each));
    }
    match out.len() {
        0 => Expr::Const(true),
        1 => out.remove(0),
        _ => Expr::And(out),
    }
}

/// Disjunction, flattened; atoms are put together.
fn or(parts: Vec<Expr>) -> Expr {
    let mut out = Vec::new();
    let mut any = Vec::new();
    for part in parts {
        match part {
            Expr::Or(inner) => out.extend(inner),
            Expr::Any(atoms) => any.extend(atoms),
            Expr::Each(atoms) if atoms.len() == 1 => any.extend(atoms),
            other => out.push(other),
        }
    }
    if !any.is_empty() {
        out.push(Expr::Any(any));
    }
    match out.len() {
        0 => Expr::Const(false),
        1 => out.remove(0),
        _ => Expr::Or(out),
    }
}
