import java.util.Locale;
import java.util.Map;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.ko.KoreanAnalyzer;
import org.apache.lucene.analysis.ko.KoreanNumberFilter;
import org.apache.lucene.analysis.ko.KoreanPartOfSpeechStopFilter;
import org.apache.lucene.analysis.ko.KoreanReadingFormFilter;
import org.apache.lucene.analysis.ko.KoreanTokenizer;
import org.apache.lucene.analysis.ko.KoreanTokenizer.DecompoundMode;
import org.opensearch.common.settings.Settings;
import org.opensearch.index.IndexSettings;
import org.opensearch.index.analysis.AbstractIndexAnalyzerProvider;
import org.opensearch.index.analysis.AbstractTokenFilterFactory;
import org.opensearch.index.analysis.AbstractTokenizerFactory;
import org.opensearch.index.analysis.AnalyzerProvider;
import org.opensearch.index.analysis.TokenFilterFactory;
import org.opensearch.index.analysis.TokenizerFactory;
import org.opensearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.opensearch.plugins.AnalysisPlugin;
import org.opensearch.plugins.Plugin;

/**
 * Lucene's Korean analysis under the names of OpenSearch's plugin analysis-nori, which Maven Central does not have.
 * Left out: user dictionaries, stop tags other than the default ones.
 */
public class NoriPlugin extends Plugin implements AnalysisPlugin {
    private interface Wrap {
        TokenStream around(TokenStream stream);
    }

    private static DecompoundMode mode(Settings settings) {
        return DecompoundMode.valueOf(settings.get("decompound_mode", "discard").toUpperCase(Locale.ROOT));
    }

    private static AnalysisProvider<TokenFilterFactory> filter(Wrap wrap) {
        return (index, environment, name, settings) -> new AbstractTokenFilterFactory(index, name, settings) {
            @Override
            public TokenStream create(TokenStream stream) {
                return wrap.around(stream);
            }
        };
    }

    @Override
    public Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> getAnalyzers() {
        return Map.of("nori", (index, environment, name, settings) -> {
            Analyzer analyzer = new KoreanAnalyzer(null, mode(settings), KoreanPartOfSpeechStopFilter.DEFAULT_STOP_TAGS, false);
            return new AbstractIndexAnalyzerProvider<Analyzer>(index, name, settings) {
                @Override
                public Analyzer get() {
                    return analyzer;
                }
            };
        });
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of("nori_tokenizer", (index, environment, name, settings) -> {
            boolean discards = settings.getAsBoolean("discard_punctuation", true);
            return new AbstractTokenizerFactory(index, settings, name) {
                @Override
                public Tokenizer create() {
                    return new KoreanTokenizer(
                        KoreanTokenizer.DEFAULT_TOKEN_ATTRIBUTE_FACTORY, null, mode(settings), false, discards);
                }
            };
        });
    }

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of(
            "nori_part_of_speech", filter(KoreanPartOfSpeechStopFilter::new),
            "nori_readingform", filter(KoreanReadingFormFilter::new),
            "nori_number", filter(KoreanNumberFilter::new));
    }
}
