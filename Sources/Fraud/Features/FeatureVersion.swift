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
            guard entity.key != entity.name || entity.needsPeer || entity.source != nil else { continue }
            lines.append("  key \(entity.key) \(entity.needsPeer) \(entity.source ?? "-")")
        }
        lines.append("keys \(definition.keys.joined(separator: " "))")
        for column in columns {
            lines.append(
                "column \(column.name) \(column.measure.rawValue) \(column.entity ?? "-") \(column.window ?? 0)"
                    + " \(column.current)")
        }
        return lines.joined(separator: "\n")
    }
}
