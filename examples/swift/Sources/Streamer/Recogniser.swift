// From windows to letters: the loop over the network, with its states, and the best path.

import Foundation

#if canImport(CoreML)
    import CoreML
#endif

/// The network's answer to one window.
public struct Prediction {
    /// (nSteps, nLabels), flat; those of padded steps mean nothing.
    public let probabilities: [Float]
    /// The LSTM's cell and output after the window, nHidden each.
    public let c: [Float]
    public let h: [Float]

    public init(probabilities: [Float], c: [Float], h: [Float]) {
        self.probabilities = probabilities
        self.c = c
        self.h = h
    }
}

public protocol Network {
    /// Runs one window, (1, nSteps, 2 nContext + 1, nInput), flat.
    func predict(_ window: [Float], c: [Float], h: [Float]) throws -> Prediction
}

/// Reads a bundle's `alphabet.txt`: a label a line, in the order of the network's outputs.
public func readAlphabet(_ text: String) -> [String] {
    var lines = text.components(separatedBy: "\n").map {
        $0.hasSuffix("\r") ? String($0.dropLast()) : $0
    }
    if lines.last == "" { lines.removeLast() }
    return lines.filter { !$0.hasPrefix("#") }.map {
        $0.hasPrefix("\\#") ? String($0.dropFirst()) : $0
    }
}

/// Recognises one stream after another: samples in, letters out.
public final class Recogniser {
    /// The letters of the stream so far.
    public private(set) var text = ""
    private let network: any Network
    private let model: ModelDescription
    private let alphabet: [String]
    private var framer: Framer
    private var c: [Float] = []
    private var h: [Float] = []
    private var before = 0

    public init(network: any Network, model: ModelDescription, alphabet: [String]) throws {
        guard alphabet.count < model.nLabels else {
            throw ModelError(description: "\(model.nLabels) outputs, \(alphabet.count) letters and the blank")
        }
        self.network = network
        self.model = model
        self.alphabet = alphabet
        framer = try Framer(model)
        try begin()
    }

    /// Takes samples (mono, the model's rate, full scale 1) and returns the letters so far.
    @discardableResult
    public func feed(_ samples: [Float]) throws -> String {
        for window in framer.feed(samples) { try run(window) }
        return text
    }

    /// Ends the stream, returns its letters and begins the next one.
    public func finish() throws -> String {
        for window in framer.finish() { try run(window) }
        let whole = text
        try begin()
        return whole
    }

    private func begin() throws {
        framer = try Framer(model)
        c = [Float](repeating: 0, count: model.nHidden)
        h = c
        before = alphabet.count
        text = ""
    }

    /// The padding of a short window changes no real step, as an LSTM looks back only. The states
    /// after it are wrong, but only the last window of a stream is short.
    private func run(_ window: Window) throws {
        let answer = try network.predict(window.features, c: c, h: h)
        guard answer.probabilities.count == model.nSteps * model.nLabels else {
            throw ModelError(description: "the network gives \(answer.probabilities.count) probabilities")
        }
        c = answer.c
        h = answer.h
        for step in 0..<window.n { follow(answer.probabilities, step * model.nLabels) }
    }

    /// Best path: repeated labels count once unless a blank separates them.
    private func follow(_ probabilities: [Float], _ row: Int) {
        var best = 0
        for label in 1...alphabet.count where probabilities[row + label] > probabilities[row + best] {
            best = label
        }
        if best != alphabet.count && best != before { text += alphabet[best] }
        before = best
    }
}

#if canImport(CoreML)
    /// A network of a bundle in Core ML, of the shape `unrolled` or `lstm`, without `--lengths`.
    public final class CoreMLNetwork: Network {
        private let model: MLModel

        /// - Parameter url: a `.mlpackage`, which is compiled each time, or the `.mlmodelc` that
        ///   Xcode makes of one.
        public init(contentsOf url: URL, computeUnits: MLComputeUnits = .cpuAndNeuralEngine) async throws {
            let compiled = url.pathExtension == "mlmodelc" ? url : try await MLModel.compileModel(at: url)
            let configuration = MLModelConfiguration()
            configuration.computeUnits = computeUnits
            model = try await MLModel.load(contentsOf: compiled, configuration: configuration)
        }

        public func predict(_ window: [Float], c: [Float], h: [Float]) throws -> Prediction {
            let inputs = try MLDictionaryFeatureProvider(dictionary: [
                "input_node": array("input_node", window),
                "previous_state_c": array("previous_state_c", c),
                "previous_state_h": array("previous_state_h", h),
            ])
            let outputs = try model.prediction(from: inputs)
            return Prediction(
                probabilities: try values("logits", of: outputs),
                c: try values("new_state_c", of: outputs),
                h: try values("new_state_h", of: outputs))
        }

        /// The input of a name with the type that the model declares: float16 or float32.
        private func array(_ name: String, _ values: [Float]) throws -> MLMultiArray {
            let description = model.modelDescription.inputDescriptionsByName[name]
            guard let declared = description?.multiArrayConstraint else {
                throw ModelError(description: "the network has no input \(name)")
            }
            let array = try MLMultiArray(shape: declared.shape, dataType: declared.dataType)
            guard array.count == values.count else {
                throw ModelError(description: "\(name) has \(array.count) values, not \(values.count)")
            }
            for (index, value) in values.enumerated() { array[index] = NSNumber(value: value) }
            return array
        }

        private func values(_ name: String, of outputs: MLFeatureProvider) throws -> [Float] {
            guard let array = outputs.featureValue(for: name)?.multiArrayValue else {
                throw ModelError(description: "the network has no output \(name)")
            }
            return (0..<array.count).map { array[$0].floatValue }
        }
    }
#endif
