/// All symbols of a stream, block by block.
struct TokenTrace {
    struct Block {
        let codes: BlockCodes?
        let tokens: Range<Int>
        let textStart: Int
        let textEnd: Int
        /// Bits of the stream, without the header.
        let dataStart: Int
        let end: Int
    }

    /// Larger texts are not traced: it takes three times their size.
    static let textBytesMax = 512 << 20

    private(set) var blocks: [Block] = []
    private(set) var tokens: [Token] = []
    private(set) var text: ArraySlice<UInt16> = []

    /// Nil when the stream does not decode to its end, or is too large.
    init?(_ input: DeflateInput, _ wrapper: DeflateWrapper) {
        let inflater = Inflater(input, at: wrapper.dataStart * 8)
        inflater.tokens = []
        while true {
            let (textStart, tokenStart) = (inflater.state.count, inflater.tokens?.count ?? 0)
            guard case .success(let header) = BlockHeader.read(input, at: inflater.state.position) else { return nil }
            var codes: BlockCodes?
            if case .coded(let block) = header.content { codes = block }
            let stop = inflater.runBlock(until: Self.textBytesMax)
            guard stop == .blockEnd || stop == .end else { return nil }
            blocks.append(
                Block(
                    codes: codes, tokens: tokenStart..<(inflater.tokens?.count ?? 0), textStart: textStart,
                    textEnd: inflater.state.count, dataStart: header.end, end: inflater.state.position))
            if stop == .end { break }
        }
        tokens = inflater.tokens ?? []
        text = inflater.text[..<inflater.state.count]
    }
}
