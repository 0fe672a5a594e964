internal import Foundation

/// What the surviving log files add: who wrote by hand, and when a log fell silent.
extension Reconciler {
    mutating func add(_ evidence: LogEvidence, zone: TimeZone) {
        for deed in evidence.deeds {
            let at = LogInstant.text(deed.second, in: zone)
            let words = SQLTokens(deed.text).words
            let role = RoleTable.allCases.first { role in
                guard let source = sources[role] else { return false }
                return words.contains(source.relation) || words.contains("public." + source.relation)
            }
            add(
                .intruderStatement, nil, role?.rawValue ?? "*", at, .certain, at: at,
                note: "\(words.first?.uppercased() ?? "") by \(deed.user)")
            facts.forgedTimes.append(at)
        }
        for silence in evidence.silences {
            let (from, to) = (LogInstant.text(silence.from, in: zone), LogInstant.text(silence.to, in: zone))
            add(.logFileSilence, nil, "*", silence.file, .certain, at: "\(from) – \(to)")
        }
    }
}
