//! A rule as a boolean program over atoms.

/// A rule's condition over atoms, before it is laid out flat.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Const(bool),
    /// One of the atoms holds.
    Any(Vec<u32>),
    /// Each of the atoms holds.
    Each(Vec<u32>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    AtLeast(usize, Vec<Expr>),
}

impl Expr {
    pub fn atoms(&self, out: &mut Vec<u32>) {
        match self {
            Expr::Const(_) => {}
            Expr::Any(atoms) | Expr::Each(atoms) => out.extend(atoms),
            Expr::Not(inner) => inner.atoms(out),
            Expr::And(parts) | Expr::Or(parts) | Expr::AtLeast(_, parts) => {
                parts.iter().for_each(|part| part.atoms(out));
            }
        }
    }
}

/// Every program, in flat lists.
#[derive(Debug, Default)]
pub(super) struct Programs {
    nodes: Vec<Node>,
    /// Atoms or nodes of the node that points here.
    links: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    Const(bool),
    Any(u32, u32),
    Each(u32, u32),
    Not(u32),
    And(u32, u32),
    Or(u32, u32),
    AtLeast(u32, u32, u32),
}

impl Programs {
    /// Adds an expression; the result is its root.
    pub fn add(&mut self, expr: &Expr) -> u32 {
        let node = match expr {
            Expr::Const(value) => Node::Const(*value),
            Expr::Any(atoms) => {
                let (start, end) = self.link(atoms);
                Node::Any(start, end)
            }
            Expr::Each(atoms) => {
                let (start, end) = self.link(atoms);
                Node::Each(start, end)
            }
            Expr::Not(inner) => Node::Not(self.add(inner)),
            Expr::And(parts) => {
                let (start, end) = self.add_all(parts);
                Node::And(start, end)
            }
            Expr::Or(parts) => {
                let (start, end) = self.add_all(parts);
                Node::Or(start, end)
            }
            Expr::AtLeast(count, parts) => {
                let (start, end) = self.add_all(parts);
                Node::AtLeast(*count as u32, start, end)
            }
        };
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    fn add_all(&mut self, parts: &[Expr]) -> (u32, u32) {
        let roots: Vec<u32> = parts.iter().map(|part| self.add(part)).collect();
        self.link(&roots)
    }

    fn link(&mut self, links: &[u32]) -> (u32, u32) {
        let start = self.links.len() as u32;
        self.links.extend(links);
        (start, self.links.len() as u32)
    }

    /// The cheapest set of atoms of which one must hold for the program at `root` to hold, with
    /// its cost; `None` if it can hold without any. `cost` is infinite for atoms that cannot
    /// announce themselves.
    pub fn trigger(&self, root: u32, cost: &impl Fn(u32) -> f32) -> Option<(f32, Vec<u32>)> {
        let links = |start: u32, end: u32| &self.links[start as usize..end as usize];
        match self.nodes[root as usize] {
            Node::Const(true) | Node::Not(_) => None,
            Node::Const(false) => Some((0.0, Vec::new())),
            Node::Any(start, end) => {
                let atoms = links(start, end);
                let sum: f32 = atoms.iter().map(|&atom| cost(atom)).sum();
                sum.is_finite().then(|| (sum, atoms.to_vec()))
            }
            Node::Each(start, end) => {
                let best = links(start, end).iter().map(|&atom| (cost(atom), atom));
                let (cost, atom) = best.min_by(|left, right| left.0.total_cmp(&right.0))?;
                cost.is_finite().then(|| (cost, vec![atom]))
            }
            Node::And(start, end) => links(start, end)
                .iter()
                .filter_map(|&part| self.trigger(part, cost))
                .min_by(|left, right| left.0.total_cmp(&right.0)),
            Node::Or(start, end) | Node::AtLeast(_, start, end) => {
                let mut sum = 0.0;
                let mut all = Vec::new();
                for &part in links(start, end) {
                    let (cost, atoms) = self.trigger(part, cost)?;
                    sum += cost;
                    all.extend(atoms);
                }
                Some((sum, all))
            }
        }
    }

    /// Evaluates the program at `root`; `atom` says whether an atom holds.
    pub fn holds(&self, root: u32, atom: &mut impl FnMut(u32) -> bool) -> bool {
        let links = |start: u32, end: u32| &self.links[start as usize..end as usize];
        match self.nodes[root as usize] {
            Node::Const(value) => value,
            Node::Any(start, end) => links(start, end).iter().any(|&it| atom(it)),
            Node::Each(start, end) => links(start, end).iter().all(|&it| atom(it)),
            Node::Not(inner) => !self.holds(inner, atom),
            Node::And(start, end) => links(start, end).iter().all(|&it| self.holds(it, atom)),
            Node::Or(start, end) => links(start, end).iter().any(|&it| self.holds(it, atom)),
            Node::AtLeast(count, start, end) => {
                let mut left = count;
                links(start, end).iter().any(|&it| {
                    left -= u32::from(self.holds(it, atom));
                    left == 0
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_the_cheapest_necessary_atoms() {
        let cost = |atom: u32| {
            if atom == 9 {
                f32::INFINITY
            } else {
                atom as f32
            }
        };
        let trigger = |expr: Expr| {
            let mut programs = Programs::default();
            let root = programs.add(&expr);
            programs.trigger(root, &cost).map(|(_, atoms)| atoms)
        };
        assert_eq!(
            trigger(Expr::And(vec![
                Expr::Any(vec![5, 6]),
                Expr::Each(vec![4, 3])
            ])),
            Some(vec![3])
        );
        assert_eq!(trigger(Expr::Any(vec![1, 9])), None);
        assert_eq!(trigger(Expr::Each(vec![2, 9])), Some(vec![2]));
        assert_eq!(trigger(Expr::Not(Expr::Any(vec![1]).into())), None);
        let or = Expr::Or(vec![
            Expr::Any(vec![1]),
            Expr::Not(Expr::Any(vec![2]).into()),
        ]);
        assert_eq!(trigger(or.clone()), None);
        assert_eq!(
            trigger(Expr::And(vec![or, Expr::Any(vec![7])])),
            Some(vec![7])
        );
    }

    #[test]
    fn programs_evaluate() {
        let mut programs = Programs::default();
        let expr = Expr::AtLeast(
            2,
            vec![
                Expr::Any(vec![1, 2]),
                Expr::Each(vec![1, 3]),
                Expr::Not(Expr::Any(vec![4]).into()),
            ],
        );
        let root = programs.add(&expr);
        let holds = |held: &[u32]| programs.holds(root, &mut |atom| held.contains(&atom));
        assert!(holds(&[1, 3, 4]) && holds(&[2]) && !holds(&[3]) && !holds(&[1, 4]));
    }
}
