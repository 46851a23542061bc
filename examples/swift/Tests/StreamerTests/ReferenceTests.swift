// Compares with arrays that Python wrote:
//
//     python -m tests.support.swift_reference FOLDER
//     STREAMER_REFERENCE=FOLDER swift test --package-path examples/swift
//
// FOLDER has a folder for each front end: model.json, and float32 in little-endian order in
// samples.f32 and windows.f32, the number of real steps of each window in lengths.json.
// "recognised" also has what the network answered and the letters of the whole.

import Foundation
import XCTest

@testable import Streamer

private struct Reference {
    let folder: URL

    init(_ name: String) throws {
        let root = ProcessInfo.processInfo.environment["STREAMER_REFERENCE"]
        folder = URL(fileURLWithPath: try XCTUnwrap(root, "set STREAMER_REFERENCE")).appendingPathComponent(name)
    }

    func data(_ file: String) throws -> Data { try Data(contentsOf: folder.appendingPathComponent(file)) }

    func floats(_ file: String) throws -> [Float] {
        let data = try data(file)
        return stride(from: 0, to: data.count, by: 4).map { at in
            Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[at + $1]) << UInt32(8 * $1) })
        }
    }

    func model() throws -> ModelDescription { try ModelDescription.decode(data("model.json")) }
    func lengths() throws -> [Int] { try JSONDecoder().decode([Int].self, from: data("lengths.json")) }

    func text(_ file: String) throws -> String {
        try XCTUnwrap(String(data: data(file), encoding: .utf8))
    }
}

/// Equal to 1e-5, relative where a value is larger than 1.
private func assertEqual(_ a: [Float], _ b: [Float], _ what: String) {
    XCTAssertEqual(a.count, b.count, what)
    let error = zip(a, b).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
    XCTAssertLessThanOrEqual(error, 1e-5, what)
}

/// Answers as Python's network did, if it is asked the same.
private final class RecordedNetwork: Network {
    private let windows, probabilities, c, h: [[Float]]
    private(set) var calls = 0

    init(_ reference: Reference) throws {
        let model = try reference.model()
        func rows(_ file: String, _ width: Int) throws -> [[Float]] {
            let values = try reference.floats(file)
            return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<($0 + width)]) }
        }
        windows = try rows("windows.f32", model.nSteps * (2 * model.nContext + 1) * model.nInput)
        probabilities = try rows("probabilities.f32", model.nSteps * model.nLabels)
        c = try rows("c.f32", model.nHidden)
        h = try rows("h.f32", model.nHidden)
    }

    func predict(_ window: [Float], c: [Float], h: [Float]) throws -> Prediction {
        let k = calls % windows.count
        calls += 1
        let zeros = [Float](repeating: 0, count: c.count)
        assertEqual(window, windows[k], "window \(k)")
        XCTAssertEqual(c, k == 0 ? zeros : self.c[k - 1], "the state c before window \(k)")
        XCTAssertEqual(h, k == 0 ? zeros : self.h[k - 1], "the state h before window \(k)")
        return Prediction(probabilities: probabilities[k], c: self.c[k], h: self.h[k])
    }
}

final class ReferenceTests: XCTestCase {
    private func compareWindows(_ name: String, blocks: [Int]) throws {
        let reference = try Reference(name)
        var framer = try Framer(reference.model())
        var windows: [Window] = []
        var rest = try reference.floats("samples.f32")[...]
        var k = 0
        while !rest.isEmpty {
            windows += framer.feed(Array(rest.prefix(blocks[k % blocks.count])))
            rest = rest.dropFirst(blocks[k % blocks.count])
            k += 1
        }
        windows += framer.finish()
        XCTAssertEqual(windows.map { $0.n }, try reference.lengths())
        assertEqual(windows.flatMap { $0.features }, try reference.floats("windows.f32"), name)
    }

    func testPythonSpeechFeatures() throws {
        try compareWindows("python_speech_features", blocks: [1, 319, 4096])
    }

    func testPythonSpeechFeaturesNormalised() throws {
        try compareWindows("normalised", blocks: [5000])
    }

    func testDeepSpeech() throws {
        try compareWindows("deepspeech", blocks: [1 << 30])
    }

    func testNoSamplesNoWindows() throws {
        var framer = try Framer(Reference("deepspeech").model())
        XCTAssertTrue(framer.finish().isEmpty)
    }

    /// Two streams in a row: nothing of the first may reach the second.
    func testLettersOfTheRecordedNetwork() throws {
        let reference = try Reference("recognised")
        let network = try RecordedNetwork(reference)
        let recogniser = try Recogniser(
            network: network, model: reference.model(),
            alphabet: readAlphabet(reference.text("alphabet.txt")))
        let samples = try reference.floats("samples.f32")
        for _ in 0..<2 {
            for start in stride(from: 0, to: samples.count, by: 1000) {
                try recogniser.feed(Array(samples[start..<min(start + 1000, samples.count)]))
            }
            XCTAssertEqual(try recogniser.finish(), try reference.text("text.txt"))
        }
        XCTAssertEqual(network.calls, try 2 * reference.lengths().count)
    }

    func testUnknownFrontEndIsAnError() throws {
        var model = try Reference("deepspeech").model()
        model.frontEnd.kind = "spectrogram"
        XCTAssertThrowsError(try Framer(model))
    }
}
