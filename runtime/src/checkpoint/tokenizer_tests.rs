//! Lengths, truncation and bounds of the tokenizer, with the tiny checkpoint's (padded to 20, cut at 16 as stored).

use super::*;

fn tiny() -> Tokenizer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny/tokenizer.json");
    Tokenizer::from_file(&path).unwrap()
}

const CLS: u32 = 2;
const SEP: u32 = 3;

#[test]
fn stored_padding_and_truncation_are_off() {
    let tokenizer = tiny();
    let limit = Limit::refuse(40);
    assert_eq!(tokenizer.encode("cat", limit).unwrap().ids, [CLS, 6, SEP]);
    assert_eq!(tokenizer.encode("", limit).unwrap().ids, [CLS, SEP]);
    assert_eq!(tokenizer.encode(&"cat ".repeat(30), limit).unwrap().ids.len(), 32);
}

#[test]
fn long_texts_are_refused_or_cut_as_asked() {
    let tokenizer = tiny();
    let text = "cat ".repeat(39);
    assert_eq!(
        tokenizer.encode(&text, Limit::refuse(40)).unwrap_err().to_string(),
        "the text has 41 tokens, the model takes 40; shorten it or allow truncation"
    );
    let cut = |n| tokenizer.encode(&text, Limit { max: 40, truncate: Some(n) });
    assert_eq!(cut(4).unwrap().ids, [CLS, 6, 6, SEP]);
    assert_eq!((cut(4).unwrap().cut, cut(40).unwrap().cut), (37, 1));
    assert_eq!(cut(40).unwrap().ids.len(), 40);
    assert_eq!(cut(41).unwrap_err().to_string(), "cannot truncate to 41 tokens; choose 3 to 40");
    assert_eq!(cut(2).unwrap_err().to_string(), "cannot truncate to 2 tokens; choose 3 to 40");
    assert!(cut(0).is_err());
    assert_eq!(tokenizer.encode("cat", Limit { max: 40, truncate: Some(4) }).unwrap().ids, [CLS, 6, SEP]);
}

#[test]
fn pairs_have_two_types() {
    let tokenizer = tiny();
    let pair = tokenizer.encode_pair("the cat", "sat", Limit::refuse(40)).unwrap();
    assert_eq!(pair, Encoding::new(vec![CLS, 5, 6, SEP, 7, SEP], vec![0, 0, 0, 0, 1, 1]));
    let cut = tokenizer.encode_pair(&"cat ".repeat(50), "sat", Limit { max: 40, truncate: Some(7) }).unwrap();
    assert_eq!(cut.ids, [CLS, 6, 6, 6, SEP, 7, SEP]);
}

#[test]
fn lower_case_comes_before_everything_else() {
    let text = String::from_utf8(tiny().source().to_vec()).unwrap();
    let cased = text.replace(r#""lowercase":true"#, r#""lowercase":false"#);
    assert_ne!(cased, text);
    let cased = Tokenizer::from_bytes(cased.into_bytes()).unwrap();
    let ids = |t: &Tokenizer| t.encode("The CAT", Limit::refuse(40)).unwrap().ids;
    assert_eq!(ids(&cased.lower_cased().unwrap()), ids(&tiny()));
    assert_ne!(ids(&cased), ids(&tiny()));
    let bare =
        Tokenizer::from_bytes(br#"{"model":{"type":"WordLevel","vocab":{"cat":0,"?":1},"unk_token":"?"}}"#.to_vec());
    let ids = |t: &Tokenizer| t.encode("CAT", Limit::refuse(40)).unwrap().ids;
    let bare = bare.unwrap();
    assert_eq!((ids(&bare), ids(&bare.lower_cased().unwrap())), (vec![1], vec![0]));
}

#[test]
fn vocabulary_must_fit_the_table() {
    assert!(tiny().check_vocabulary(64).is_ok());
    assert_eq!(
        tiny().check_vocabulary(63).unwrap_err().to_string(),
        "tokenizer.json has token id 63, the model's vocabulary ends at 63; the two belong to different models"
    );
}

#[test]
fn source_makes_the_same_tokenizer() {
    let tokenizer = tiny();
    let again = Tokenizer::from_bytes(tokenizer.source().to_vec()).unwrap();
    let limit = Limit::refuse(40);
    assert_eq!(again.encode("the cat", limit).unwrap(), tokenizer.encode("the cat", limit).unwrap());
}

#[test]
fn damaged_tokenizers_never_panic() {
    let good = tiny().source().to_vec();
    for length in (0..good.len()).step_by(17) {
        let error = Tokenizer::from_bytes(good[..length].to_vec()).unwrap_err().to_string();
        assert!(error.starts_with("tokenizer.json cannot be used: "), "{error}");
    }
    assert!(Tokenizer::from_bytes(b"[]".to_vec()).is_err());
    let text = String::from_utf8(good).unwrap();
    let normalizer = r#""normalizer":{"type":"BertNormalizer""#;
    let template = r#""special_tokens":{"[CLS]":"#;
    for (old, new) in [
        (normalizer, r#""normalizer":{"precompiled_charsmap":"AAAA","type":"Precompiled""#),
        (template, r#""special_tokens":{"[XYZ]":"#),
    ] {
        let bad = text.replace(old, new);
        assert_ne!(bad, text);
        let error = Tokenizer::from_bytes(bad.into_bytes()).unwrap_err().to_string();
        assert_eq!(
            error,
            "tokenizer.json cannot be used: the tokenizer library failed on it; \
             save it again with AutoTokenizer.save_pretrained"
        );
    }
}

#[test]
fn encodings_are_checked_against_the_model() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny/config.json");
    let config = ModelConfig::from_file(&path).unwrap();
    let check = |ids: &[u32], types: &[u32]| {
        let encoding = Encoding::new(ids.to_vec(), types.to_vec());
        encoding.validate(&config).map_err(|e| e.to_string())
    };
    assert_eq!(check(&[CLS, 63], &[0, 1]), Ok(()));
    assert_eq!(
        check(&[CLS, 64], &[0, 0]).unwrap_err(),
        "token id 64 at position 1 is outside 0..64; encode the text with the model's own tokenizer"
    );
    assert_eq!(
        check(&[CLS], &[2]).unwrap_err(),
        "token type id 2 at position 0 is outside 0..2; encode the text with the model's own tokenizer"
    );
    assert_eq!(
        check(&[], &[]).unwrap_err(),
        "an encoding has 0 ids and 0 type ids; both lists must be equally long and not empty"
    );
    assert!(check(&[CLS, SEP], &[0]).is_err());
    assert!(check(&[0; 41], &[0; 41]).unwrap_err().contains("41 tokens"));
}
