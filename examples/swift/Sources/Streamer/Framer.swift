// From samples to windows of the acoustic network: streamer/features in Swift, with no dependency.
// All arithmetic is in doubles, as in Python; coefficients are rounded to floats once.

import Foundation

public struct ModelError: Error, CustomStringConvertible {
    public let description: String
}

/// What a bundle's `model.json` says of its network and front end.
public struct ModelDescription: Decodable {
    public var frontEnd: FrontEndDescription
    public var nSteps: Int
    public var nContext: Int
    /// Coefficients in a vector.
    public var nInput: Int
    public var nHidden: Int
    /// Outputs of the network: letters and their blank, then phonemes and theirs if it has them.
    public var nLabels: Int

    public static func decode(_ json: Data) throws -> ModelDescription {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(ModelDescription.self, from: json)
    }
}

/// The entry `front_end` of `model.json`.
public struct FrontEndDescription: Decodable {
    public var kind: String
    public var sampleRateHz: Int
    public var windowSamples: Int
    public var stepSamples: Int
    public var nCoefficients: Int
    public var nFilters: Int
    public var lowHz: Double
    public var highHz: Double
    // Of kind python_speech_features only:
    public var nFft: Int?
    public var preEmphasis: Double?
    public var lifter: Int?
    public var appendEnergy: Bool?
    public var window: String?
    // Of models trained with it only:
    public var normalisation: NormalisationDescription?
}

public struct NormalisationDescription: Decodable {
    public var kind: String
    public var mean: [Double]
    public var deviation: [Double]
    public var priorVectors: Double
    public var windowVectors: Double
}

/// Turns one window of samples into a vector of coefficients: either front end of the family.
public struct FrontEnd {
    public let windowSamples: Int
    public let stepSamples: Int
    public let nCoefficients: Int
    private let isDeepSpeech: Bool
    private let preEmphasis: Double
    private let appendEnergy: Bool
    private let taper: [Double]
    /// Rows of mel filters over the bins of the spectrum, and of coefficients over filters.
    private let filters: [[Double]]
    private let dct: [[Double]]
    private let fft: FFT

    public init(_ description: FrontEndDescription) throws {
        let d = description
        windowSamples = d.windowSamples
        stepSamples = d.stepSamples
        nCoefficients = d.nCoefficients
        isDeepSpeech = d.kind == "deepspeech"
        guard isDeepSpeech || d.kind == "python_speech_features" else {
            throw ModelError(description: "there is no front end \(d.kind)")
        }
        var size = 1
        while size < d.windowSamples { size *= 2 }
        size = isDeepSpeech ? size : d.nFft ?? 512
        fft = try FFT(size: size)
        guard d.windowSamples <= size, d.windowSamples > 1 else {
            throw ModelError(description: "windows of \(d.windowSamples) do not fit an FFT of \(size)")
        }
        preEmphasis = d.preEmphasis ?? 0.97
        appendEnergy = d.appendEnergy ?? true
        let nFilters = d.nFilters
        if isDeepSpeech {
            taper = FrontEnd.cosine(0.5, count: d.windowSamples, period: d.windowSamples)
            filters = FrontEnd.deepSpeechFilters(d, size: size)
            dct = (0..<d.nCoefficients).map { k in
                (0..<nFilters).map { n in
                    sqrt(2 / Double(nFilters)) * cos(.pi / Double(nFilters) * (Double(k) * (Double(n) + 0.5)))
                }
            }
            return
        }
        switch d.window ?? "hamming" {
        case "hamming":
            taper = FrontEnd.cosine(0.54, count: d.windowSamples, period: d.windowSamples - 1)
        case "hann":
            taper = FrontEnd.cosine(0.5, count: d.windowSamples, period: d.windowSamples - 1)
        case "rectangular":
            taper = [Double](repeating: 1, count: d.windowSamples)
        default:
            throw ModelError(description: "there is no window \(d.window ?? "")")
        }
        filters = FrontEnd.speechFeaturesFilters(d, size: size)
        let lifter = Double(d.lifter ?? 22)
        dct = (0..<d.nCoefficients).map { k in
            // The orthonormal DCT-II, times the lifter, which is constant for each coefficient.
            let norm = sqrt(2 / Double(nFilters)) / (k == 0 ? 2.0.squareRoot() : 1)
            let lift = lifter > 0 ? 1 + lifter / 2 * sin(.pi * Double(k) / lifter) : 1
            return (0..<nFilters).map { n in
                norm * lift * cos(.pi * Double(k) * (Double(n) + 0.5) / Double(nFilters))
            }
        }
    }

    /// - Parameters:
    ///   - window: `windowSamples` samples, full scale 1.
    ///   - previous: the sample just before them; nil at the start of a stream.
    func coefficients(_ window: ArraySlice<Float>, previous: Float?) -> [Float] {
        var samples = window.map { Double($0) }
        if !isDeepSpeech {
            let scaled = samples.map { $0 * 32768 }  // of 16-bit samples
            samples[0] = scaled[0] - (previous.map { preEmphasis * (Double($0) * 32768) } ?? 0)
            for k in 1..<scaled.count { samples[k] = scaled[k] - preEmphasis * scaled[k - 1] }
        }
        for k in samples.indices { samples[k] *= taper[k] }
        let powers = fft.powers(samples)
        if isDeepSpeech {
            let magnitudes = powers.map { $0.squareRoot() }
            let energies = filters.map { log(max(dot($0, magnitudes), 1e-12)) }
            return dct.map { Float(dot($0, energies)) }
        }
        let epsilon = Double.ulpOfOne
        let scaled = powers.map { $0 / Double(fft.size) }
        let energies = filters.map { row -> Double in
            let energy = dot(row, scaled)
            return log(energy == 0 ? epsilon : energy)
        }
        var result = dct.map { Float(dot($0, energies)) }
        if appendEnergy {
            let total = scaled.reduce(0, +)
            result[0] = Float(log(total > 0 ? total : epsilon))
        }
        return result
    }

    private func dot(_ a: [Double], _ b: [Double]) -> Double {
        var sum = 0.0
        for k in a.indices { sum += a[k] * b[k] }
        return sum
    }

    /// share - (1 - share) cos(2 pi k / period): Hann windows for 0.5, Hamming for 0.54.
    private static func cosine(_ share: Double, count: Int, period: Int) -> [Double] {
        (0..<count).map { share - (1 - share) * cos(2 * .pi * Double($0) / Double(period)) }
    }

    /// TensorFlow's: triangles that are linear in mel, not normalised.
    private static func deepSpeechFilters(_ d: FrontEndDescription, size: Int) -> [[Double]] {
        func mel(_ hz: Double) -> Double { 1127 * log1p(hz / 700) }
        let nBins = size / 2 + 1
        let low = mel(d.lowHz)
        let spacing = (mel(d.highHz) - low) / Double(d.nFilters + 1)
        let centres = (1..<(d.nFilters + 2)).map { low + spacing * Double($0) }
        let hzPerBin = Double(d.sampleRateHz) / Double(size)
        var filters = [[Double]](repeating: [Double](repeating: 0, count: nBins), count: d.nFilters)
        let first = Int(1.5 + d.lowHz / hzPerBin)
        let last = min(Int(d.highHz / hzPerBin), nBins - 1)
        guard first <= last else { return filters }
        for bin in first...last {
            let m = mel(Double(bin) * hzPerBin)
            let channel = (centres.firstIndex { $0 >= m } ?? centres.count) - 1
            let below = channel < 0 ? low : centres[channel]
            let above = centres[min(channel + 1, d.nFilters)]
            let weight = (above - m) / (above - below)
            if channel >= 0 && channel < d.nFilters { filters[channel][bin] += weight }
            if channel + 1 < d.nFilters { filters[channel + 1][bin] += 1 - weight }
        }
        return filters
    }

    /// python_speech_features': triangles between whole bins.
    private static func speechFeaturesFilters(_ d: FrontEndDescription, size: Int) -> [[Double]] {
        func mel(_ hz: Double) -> Double { 2595 * log10(1 + hz / 700) }
        let low = mel(d.lowHz), high = mel(d.highHz)
        let edges = (0..<(d.nFilters + 2)).map { k -> Int in
            let m = k == d.nFilters + 1 ? high : low + (high - low) / Double(d.nFilters + 1) * Double(k)
            let hz = 700 * (pow(10, m / 2595) - 1)
            return Int((Double(size + 1) * hz / Double(d.sampleRateHz)).rounded(.down))
        }
        return (0..<d.nFilters).map { filter in
            let (left, middle, right) = (edges[filter], edges[filter + 1], edges[filter + 2])
            return (0..<(size / 2 + 1)).map { bin in
                if bin >= left && bin < middle { return Double(bin - left) / Double(middle - left) }
                if bin >= middle && bin < right { return Double(right - bin) / Double(right - middle) }
                return 0
            }
        }
    }
}

/// Fast Fourier transform of a power of two, radix 2 (Cooley and Tukey).
struct FFT {
    let size: Int
    private let cosines: [Double]
    private let sines: [Double]

    init(size: Int) throws {
        guard size > 1, size & (size - 1) == 0 else {
            throw ModelError(description: "an FFT of \(size) points: it must be a power of two")
        }
        self.size = size
        cosines = (0..<(size / 2)).map { cos(2 * .pi * Double($0) / Double(size)) }
        sines = (0..<(size / 2)).map { -sin(2 * .pi * Double($0) / Double(size)) }
    }

    /// The squared magnitudes of bins 0 to size / 2 of samples padded with zeros.
    func powers(_ samples: [Double]) -> [Double] {
        var real = [Double](repeating: 0, count: size)
        var imaginary = [Double](repeating: 0, count: size)
        var target = 0
        for k in 0..<size {  // in bit-reversed order
            if k < samples.count { real[target] = samples[k] }
            var bit = size >> 1
            while bit > 0 && target & bit != 0 {
                target ^= bit
                bit >>= 1
            }
            target |= bit
        }
        var half = 1
        while half < size {
            let stride = size / (2 * half)
            for start in Swift.stride(from: 0, to: size, by: 2 * half) {
                for k in 0..<half {
                    let (a, b) = (start + k, start + k + half)
                    let (c, s) = (cosines[k * stride], sines[k * stride])
                    let re = real[b] * c - imaginary[b] * s
                    let im = real[b] * s + imaginary[b] * c
                    (real[b], imaginary[b]) = (real[a] - re, imaginary[a] - im)
                    (real[a], imaginary[a]) = (real[a] + re, imaginary[a] + im)
                }
            }
            half *= 2
        }
        return (0...(size / 2)).map { real[$0] * real[$0] + imaginary[$0] * imaginary[$0] }
    }
}

/// Brings each coefficient of a stream to mean 0 and deviation 1 by running estimates.
struct RunningNormalisation {
    /// A deviation below this share of the training data's is not believed.
    private static let smallestShare = 0.3
    private let description: NormalisationDescription
    private var count: Double
    private var sums: [Double]
    private var squares: [Double]

    init(_ description: NormalisationDescription) throws {
        guard description.kind == "running" else {
            throw ModelError(description: "there is no normalisation \(description.kind)")
        }
        self.description = description
        let n = description.priorVectors
        count = n
        sums = description.mean.map { n * $0 }
        squares = zip(description.mean, description.deviation).map { n * ($1 * $1 + $0 * $0) }
    }

    mutating func normalise(_ vector: [Float]) -> [Float] {
        let decay = 1 - 1 / description.windowVectors
        count = count * decay + 1
        return vector.indices.map { k in
            let x = Double(vector[k])
            sums[k] = sums[k] * decay + x
            squares[k] = squares[k] * decay + x * x
            let mean = sums[k] / count
            let variance = squares[k] / count - mean * mean
            let smallest = RunningNormalisation.smallestShare * description.deviation[k]
            return Float((x - mean) / max(max(variance, 0).squareRoot(), smallest))
        }
    }
}

/// One input of the network: `n` real steps, the rest of them zeros.
public struct Window {
    /// (1, nSteps, 2 nContext + 1, nInput), flat.
    public let features: [Float]
    public let n: Int
}

/// Cuts a stream of samples into windows; one framer for each stream.
///
/// The beginning is padded with zero vectors (not with silence); so is the end, after the remaining
/// samples are padded to one more window of samples.
public struct Framer {
    private let frontEnd: FrontEnd
    private let nSteps: Int
    private let nContext: Int
    private var normalisation: RunningNormalisation?
    private var samples: [Float] = []
    private var previous: Float?
    private var vectors: [[Float]]

    public init(_ model: ModelDescription) throws {
        frontEnd = try FrontEnd(model.frontEnd)
        nSteps = model.nSteps
        nContext = model.nContext
        normalisation = try model.frontEnd.normalisation.map { try RunningNormalisation($0) }
        let zeros = [Float](repeating: 0, count: frontEnd.nCoefficients)
        vectors = [[Float]](repeating: zeros, count: nContext)
    }

    /// Takes samples (mono, the model's rate, full scale 1) and returns the windows they complete.
    public mutating func feed(_ block: [Float]) -> [Window] {
        samples += block
        transform()
        return takeWindows(flush: false)
    }

    /// Ends the stream and returns the remaining windows, the last one short.
    public mutating func finish() -> [Window] {
        transform()
        if !samples.isEmpty {
            samples += [Float](repeating: 0, count: frontEnd.windowSamples - samples.count)
            transform()
        }
        let zeros = [Float](repeating: 0, count: frontEnd.nCoefficients)
        vectors += [[Float]](repeating: zeros, count: nContext)
        return takeWindows(flush: true)
    }

    private mutating func transform() {
        var start = 0
        while start + frontEnd.windowSamples <= samples.count {
            let window = samples[start..<(start + frontEnd.windowSamples)]
            let vector = frontEnd.coefficients(window, previous: previous)
            vectors.append(normalisation?.normalise(vector) ?? vector)
            start += frontEnd.stepSamples
            previous = samples[start - 1]
        }
        samples.removeFirst(start)
    }

    private mutating func takeWindows(flush: Bool) -> [Window] {
        let width = 2 * nContext + 1
        let size = nSteps * width * frontEnd.nCoefficients
        var windows: [Window] = []
        while true {
            let n = min(vectors.count - width + 1, nSteps)
            if n < 1 || (n < nSteps && !flush) { return windows }
            var features: [Float] = []
            features.reserveCapacity(size)
            for step in 0..<n {
                for vector in vectors[step..<(step + width)] { features += vector }
            }
            features += [Float](repeating: 0, count: size - features.count)
            windows.append(Window(features: features, n: n))
            vectors.removeFirst(n)
        }
    }
}
