internal import Foundation

extension String {
    /// The scalars with accents joined to their letters.
    var precomposed: String.UnicodeScalarView { precomposedStringWithCanonicalMapping.unicodeScalars }
}
