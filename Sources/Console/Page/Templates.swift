internal import Foundation
internal import Mustache

/// What a template reads: names to texts, flags, lists and further views.
typealias View = [String: Any]

/// The console's pages as Mustache: what is not raw by name is escaped.
struct Templates: Sendable {
    private let library: MustacheLibrary
    let names: [String]

    init(folder: String) throws {
        var library = MustacheLibrary()
        var names: [String] = []
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
        for file in files where file.hasSuffix(".mustache") {
            let path = folder + "/" + file
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw ConsoleError.resource(path, "it can not be read")
            }
            let name = String(file.dropLast(".mustache".count))
            do { try library.register(text, named: name) } catch {
                throw ConsoleError.resource(path, "\(error)")
            }
            names.append(name)
        }
        guard names.contains("layout") else { throw ConsoleError.resource(folder, "layout.mustache is not in it") }
        self.library = library
        self.names = names
    }

    /// A text with nothing in it: shown as nothing, and a section of it is not shown either.
    private struct Nothing: MustacheCustomRenderable {
        var renderText: String { "" }
        var isNull: Bool { true }
    }

    /// The view with its empty texts as templates understand them.
    static func prepared(_ view: View) -> View {
        view.mapValues { value -> Any in
            switch value {
            case let text as String where text.isEmpty: return Nothing()
            case is String: return value
            case let list as [View]: return list.map(prepared)
            case let inner as View: return prepared(inner)
            default: return value
            }
        }
    }

    func render(_ name: String, _ view: View) throws -> String {
        guard let text = library.render(view, withTemplate: name) else {
            throw ConsoleError.resource(name + ".mustache", "there is no such template")
        }
        return text
    }
}
