import Foundation
import TestSupport
import Testing

@testable import Automation

@Suite struct ScheduleTests {
    private func due(_ text: String, _ from: String, _ count: Int, zone: String = "Europe/Paris") throws -> [String] {
        let schedule = try Schedule(text, zone: zone)
        var moment = try #require(Instant(iso: from))
        return try (0..<count).map { _ in
            moment = try #require(schedule.next(after: moment))
            return String(moment.iso.prefix(16))
        }
    }

    @Test("a fixed hour is due once in each night that changes the clocks")
    func nights() throws {
        // 29 March 2026: 2:00 to 3:00 is leapt over. 25 October 2026: 2:00 to 3:00 comes twice.
        #expect(
            try due("30 2 * * *", "2026-03-27T12:00:00Z", 3) == [
                "2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30",
            ])
        #expect(
            try due("30 2 * * *", "2026-10-23T12:00:00Z", 3) == [
                "2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30",
            ])
        #expect(try due("0 7 * * *", "2026-03-28T00:00:00Z", 2) == ["2026-03-28T06:00", "2026-03-29T05:00"])
    }

    @Test("steps count real time in these nights")
    func intervals() throws {
        #expect(
            try due("0 * * * *", "2026-10-24T23:30:00Z", 4) == [
                "2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00", "2026-10-25T03:00",
            ])
        #expect(
            try due("*/30 * * * *", "2026-03-29T00:15:00Z", 3) == [
                "2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30",
            ])
    }

    @Test("schedules may be said in French")
    func french() throws {
        #expect(try due("chaque jour à 7h", "2026-01-01T00:00:00Z", 1) == ["2026-01-01T06:00"])
        #expect(try due("chaque lundi à 8h30", "2026-01-01T00:00:00Z", 1) == ["2026-01-05T07:30"])
        #expect(try due("du lundi au vendredi à 18h", "2026-01-02T18:00:00Z", 1) == ["2026-01-05T17:00"])
        #expect(try due("le 1er de chaque mois à 6h", "2026-01-02T00:00:00Z", 1) == ["2026-02-01T05:00"])
        #expect(
            try due("toutes les 15 minutes", "2026-01-01T00:01:00Z", 2) == ["2026-01-01T00:15", "2026-01-01T00:30"])
        for wrong in [
            "chaque jour", "tous les mardis à midi", "toutes les 7 minutes", "* * * *", "61 * * * *", "0 0 31 2 *",
        ] {
            #expect(throws: TextProblem.self, "\(wrong)") { try Schedule(wrong, zone: "Europe/Paris") }
        }
        #expect(throws: TextProblem.self) { try Schedule("0 7 * * *", zone: "Europe/Lutece") }
    }

    @Test("cron's fields: lists, ranges, steps, either of day and weekday, 29 February")
    func cron() throws {
        #expect(
            try due("0 12 29 2 *", "2026-01-01T00:00:00Z", 2, zone: "GMT") == ["2028-02-29T12:00", "2032-02-29T12:00"])
        #expect(
            try due("5,10-20/5 3 * * *", "2026-01-01T03:06:00Z", 3, zone: "GMT") == [
                "2026-01-01T03:10", "2026-01-01T03:15", "2026-01-01T03:20",
            ])
        #expect(
            try due("0 0 13 * 5", "2026-01-01T00:00:00Z", 3, zone: "GMT") == [
                "2026-01-02T00:00", "2026-01-09T00:00", "2026-01-13T00:00",
            ])
        #expect(try due("0 0 * * 7", "2026-01-01T00:00:00Z", 1, zone: "GMT") == ["2026-01-04T00:00"])
    }

    /// Zones whose clocks leap by an hour, by half of one, and by a whole day.
    @Test(
        "in any zone and year, what is due daily is due once a local day, in order",
        arguments: [
            "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo",
            "Asia/Kathmandu",
        ])
    func daily(zone: String) throws {
        var generator = SystemRandomNumberGenerator()
        let place = try #require(TimeZone(identifier: zone))
        for _ in 0..<(isLongRun ? 200 : 12) {
            let hour = Int.random(in: 0...23, using: &generator)
            let minute = Int.random(in: 0...59, using: &generator)
            let start = Int64.random(in: 1_262_304_000...1_900_000_000, using: &generator)
            let schedule = try Schedule("\(minute) \(hour) * * *", zone: zone)
            var moment = Instant(seconds: start)
            var before: String?
            for _ in 0..<400 {
                let next = try #require(schedule.next(after: moment))
                let local = LocalTime(next, in: place)
                #expect(next > moment)
                #expect(local.isoDay != before, "\(zone) \(hour):\(minute) is due twice on \(local.isoDay)")
                // A leap may bring the moment; otherwise the clock shows what was asked for.
                if (local.hour, local.minute) != (hour, minute) {
                    let shown = next.seconds + LocalTime.offset(of: place, at: next.seconds)
                    let earlier = next.seconds - 1 + LocalTime.offset(of: place, at: next.seconds - 1)
                    #expect(shown - earlier > 1, "\(zone): \(next.iso) for \(hour):\(minute)")
                }
                before = local.isoDay
                moment = next
            }
        }
    }
}
