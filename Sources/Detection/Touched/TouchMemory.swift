/// The last things that anybody touched, so that a follower can say what an attacker read before he was known as one.
/// Bounded: the oldest leave.
struct TouchMemory {
    private struct Entry {
        let time: Int64
        let address: NetworkAddress
        let user: String
        let object: TouchedObject
        let isChange: Bool
        let file: String
        let line: Int64
    }

    static let entriesMax = 200_000

    private var entries: [Entry] = []
    private var next = 0
    private let most: Int

    init(most: Int = Self.entriesMax) { self.most = most }

    mutating func take(_ event: LogEvent, file: String, line: Int64) {
        TouchReader.read(event) { object, isChange in
            let entry = Entry(
                time: event.time, address: event.address, user: event.user.text(max: 200), object: object,
                isChange: isChange, file: file, line: line)
            if entries.count < most { entries.append(entry) } else { entries[next] = entry }
            next = (next + 1) % most
        }
    }

    /// The incidents with what their actors touched, as far as it is remembered.
    func attributed(to incidents: [Incident]) -> [Incident] {
        incidents.map { incident in
            var incident = incident
            let actors = IncidentActors(incident)
            for entry in entries
            where actors.acted(entry.address, user: entry.user, at: entry.time, file: entry.file, line: entry.line) {
                incident.touched.add(entry.object, isChange: entry.isChange, at: entry.time)
            }
            return incident
        }
    }
}
