/// Reads the DAX of a measure as far as can be without Power BI: known functions, balanced brackets, and every
/// `table[column]` is there.
enum DAXLint {
    private static let functions: Set<String> = [
        "SUM", "AVERAGE", "MIN", "MAX", "COUNTROWS", "DISTINCTCOUNT", "CALCULATE", "DIVIDE", "NOT", "ISBLANK", "BLANK",
        "TRUE", "FALSE", "FILTER", "ALL", "SUMX", "AVERAGEX", "IF", "COALESCE", "USERELATIONSHIP",
        "CUSTOMDATA",
    ]

    static func faults(in dax: String, model: Model) -> [String] {
        var faults: [String] = []
        var depth = 0
        let text = Array(dax.unicodeScalars)
        var index = 0
        while index < text.count {
            let scalar = text[index]
            if scalar == "(" { depth += 1 }
            if scalar == ")" { depth -= 1 }
            if scalar == "\"" {
                guard let end = text[(index + 1)...].firstIndex(of: "\"") else {
                    return faults + ["a text has no end"]
                }
                index = end + 1
                continue
            }
            if depth < 0 { return faults + ["a bracket is closed that was not opened"] }
            guard isWord(scalar), !scalar.properties.isASCIIDigit else {
                index += 1
                continue
            }
            let start = index
            while index < text.count, isWord(text[index]) { index += 1 }
            let word = string(text[start..<index])
            if index < text.count, text[index] == "[" {
                guard let end = text[index...].firstIndex(of: "]") else {
                    return faults + ["a column has no closing bracket"]
                }
                let column = string(text[(index + 1)..<end])
                faults += fault(word, column, model)
                index = end + 1
            } else if index < text.count, text[index] == "(" {
                if !functions.contains(word) { faults.append("\(word) is no function that is used here") }
            } else if model.entity(word) == nil {
                faults.append("there is no table \(word)")
            }
        }
        return depth == 0 ? faults : faults + ["a bracket is not closed"]
    }

    private static func fault(_ table: String, _ column: String, _ model: Model) -> [String] {
        guard let entity = model.entity(table) else { return ["there is no table \(table)"] }
        return entity.column(column) == nil ? ["\(table) has no column \(column)"] : []
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.isASCIIDigit
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isASCIIDigit: Bool { numericType == .decimal }
}
