extension LogAnalysis {
    /// Reads the sources once more, in the hours of the incidents and for their actors only: what they read and changed.
    /// Nothing of it has to be kept for millions of others while nobody knows yet who the attackers are.
    func touched(
        by incidents: [Incident], _ sets: [LogFiles.LogSet], _ sources: [SourceReport]
    ) throws -> [Incident] {
        guard !incidents.isEmpty else { return incidents }
        var incidents = incidents
        let actors = incidents.map { IncidentActors($0) }
        for (set, source) in zip(sets, sources) {
            let isOfTime = actors.contains {
                $0.mayHaveActed(from: source.first - source.skew, to: source.last - source.skew)
            }
            guard isOfTime else { continue }
            let reader = LogReader(options.reading, year: try Self.firstYear(set))
            for path in set.files {
                let blocks = try BlockSource(path: path)
                let splitter = RecordSplitter(reader: reader)
                func body(_ record: Bytes, _ place: LinePlace) {
                    _ = reader.read(record) { event in
                        WebLogin.classify(&event)
                        let at = event.time - source.skew
                        guard actors.contains(where: { $0.mayHaveActed(from: at, to: at) }) else { return }
                        for (index, actor) in actors.enumerated()
                        where actor.acted(
                            event.address, user: event.user.text(max: 200), at: at, file: path, line: place.number)
                        {
                            TouchReader.read(event) { incidents[index].touched.add($0, isChange: $1, at: at) }
                        }
                    }
                }
                while let block = blocks.next() {
                    splitter.take(block, body)
                    try Task.checkCancellation()
                }
                splitter.finish(body)
            }
        }
        return incidents
    }
}
