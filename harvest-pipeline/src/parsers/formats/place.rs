//! Places as DataCite has them, and JPCOAR after it.

use super::tree::Node;

/// Longitude and latitude, where both are numbers.
pub(super) fn point(node: Option<Node<'_>>) -> Option<[f64; 2]> {
    numbers(node?, ["pointLongitude", "pointLatitude"])
}

/// West, south, east and north ends.
pub(super) fn bounds(node: Option<Node<'_>>) -> Option<[f64; 4]> {
    let ends =
        ["westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude"];
    numbers(node?, ends)
}

/// The numbers in the children with these names; `None` unless all are there.
pub(super) fn numbers<const N: usize>(node: Node<'_>, names: [&str; N]) -> Option<[f64; N]> {
    let mut found = [0.0; N];
    for (number, name) in found.iter_mut().zip(names) {
        *number = node.string(name)?.parse().ok().filter(|n: &f64| n.is_finite())?;
    }
    Some(found)
}
