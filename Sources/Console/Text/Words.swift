internal import Charts
internal import Foundation
internal import Web

/// The console's texts in one language: names with dots (`accounts.title`) to sentences.
struct Words: Sendable {
    let language: Language
    private let flat: [String: String]
    /// The same as templates look them up.
    let nested: [String: [String: String]]

    init(_ language: Language, folder: String) throws {
        self.language = language
        let path = folder + "/\(language.rawValue).json"
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ConsoleError.resource(path, "it is not there")
        }
        let json: JSON
        do { json = try JSONReader.read(Array(bytes)) } catch { throw ConsoleError.resource(path, error.description) }
        var flat: [String: String] = [:]
        var nested: [String: [String: String]] = [:]
        for group in json.members ?? [] {
            for word in group.value.members ?? [] {
                flat["\(group.name).\(word.name)"] = word.value.string
                nested[group.name, default: [:]][word.name] = word.value.string
            }
        }
        self.flat = flat
        self.nested = nested
    }

    var keys: Set<String> { Set(flat.keys) }

    /// A text, with what stands in braces replaced. A name that is not known stands for itself, which a test finds.
    func callAsFunction(_ name: String, _ values: [String: String] = [:]) -> String {
        var text = flat[name] ?? name
        for (place, value) in values { text = text.replacingOccurrences(of: "{\(place)}", with: value) }
        return text
    }

    func known(_ name: String) -> String? { flat[name] }

    /// One or many: in French 0 and 1.5 are one.
    func count(_ name: String, _ value: Int) -> String {
        let isOne = language == .fr ? value < 2 : value == 1
        return self(name + (isOne ? "_one" : "_many"), ["n": NumberText(language).integer(Int64(value))])
    }
}
