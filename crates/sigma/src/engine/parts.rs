//! Parts of a rule's condition that ask of one field alone.

use std::collections::BTreeMap;

use super::compile::{Atom, Test};
use super::program::Expr;

/// The parts of a conjunction that ask of one field alone, by field: each must hold for the whole
/// to hold. `atoms` are those that the expression names.
pub(super) fn by_field(expr: &Expr, atoms: &[Atom]) -> BTreeMap<u32, Vec<Expr>> {
    let mut parts: BTreeMap<u32, Vec<Expr>> = BTreeMap::new();
    let all = match expr {
        Expr::And(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    for part in all {
        match part {
            Expr::Each(each) => {
                for &atom in each {
                    let one = Expr::Any(vec![atom]);
                    if let Some(field) = only_field(&one, atoms) {
                        parts.entry(field).or_default().push(one);
                    }
                }
            }
            part => {
                if let Some(field) = only_field(part, atoms) {
                    parts.entry(field).or_default().push(part.clone());
                }
            }
        }
    }
    parts
}

/// The field that all atoms of `expr` ask of.
fn only_field(expr: &Expr, atoms: &[Atom]) -> Option<u32> {
    let mut named = Vec::new();
    expr.atoms(&mut named);
    let mut named = named.into_iter().map(|atom| &atoms[atom as usize]);
    let field = named.clone().next()?.field;
    let own = |atom: &Atom| atom.field == field && !matches!(atom.test, Test::Refers { .. });
    named.all(own).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_asks_of_one_field() {
        let eager = |field| Atom {
            field,
            test: Test::Eager,
        };
        let refers = Atom {
            field: 0,
            test: Test::Refers {
                other: 1,
                side: crate::matcher::Side::Equal,
                cased: false,
            },
        };
        let atoms = [eager(0), eager(0), eager(1), eager(2), refers];
        let not = |expr| Expr::Not(Box::new(expr));
        let expr = Expr::And(vec![
            Expr::Each(vec![0, 2, 4]),
            not(Expr::Any(vec![0, 1])),
            not(Expr::Any(vec![1, 2])),
            Expr::Or(vec![Expr::Any(vec![3]), not(Expr::Any(vec![3]))]),
            Expr::Const(true),
        ]);
        let parts = by_field(&expr, &atoms);
        assert_eq!(parts.keys().collect::<Vec<_>>(), [&0, &1, &2]);
        assert_eq!(parts[&0], [Expr::Any(vec![0]), not(Expr::Any(vec![0, 1]))]);
        assert_eq!(parts[&1], [Expr::Any(vec![2])]);
        let alone = not(Expr::Any(vec![3]));
        assert_eq!(by_field(&alone, &atoms)[&2], [alone]);
    }
}
