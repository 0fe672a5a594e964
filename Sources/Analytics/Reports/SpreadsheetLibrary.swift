internal import CXlsxWriter

/// The library that writes workbooks.
public enum SpreadsheetLibrary {
    public static var version: String? { lxw_version().map { String(cString: $0) } }
}
