internal import Cryptography

extension FeaturePlan {
    /// Changes when any column would read otherwise: a model is refused by a plan of another version.
    public var version: String { SHA256.hash(Array(canonicalText.utf8)).hex }

    private var canonicalText: String {
        var lines = [
            "delay \(labelDelay)", "paris \(definition.isParisTime)",
            "habit \(definition.habitEntity) \(definition.habitRatio) \(definition.habitAfter)",
        ]
        for entity in definition.entities {
            lines.append("entity \(entity.name) \(entity.history) \(entity.events) \(entity.peer ?? "-")")
        }
        for column in columns {
            lines.append(
                "column \(column.name) \(column.measure.rawValue) \(column.entity ?? "-") \(column.window ?? 0)"
                    + " \(column.current)")
        }
        return lines.joined(separator: "\n")
    }
}
