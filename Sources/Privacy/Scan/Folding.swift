internal import Foundation

extension String {
    /// Letters apart from their accents.
    var decomposedScalars: String.UnicodeScalarView {
        utf8.allSatisfy { $0 < 0x80 } ? unicodeScalars : decomposedStringWithCanonicalMapping.unicodeScalars
    }
}
