internal import Glibc

/// A point on the unit circle by its share of a turn, beginning on the right and going downwards.
enum Turn {
    static func at(_ share: Double) -> Curve.Point { (cos(share * 2 * .pi), sin(share * 2 * .pi)) }
}
