pub mod access;
pub mod catalog;
pub mod logs;
pub mod masters;
pub mod reviews;
pub mod rules;
pub mod soundness;

/// Fails unless the result is this error.
#[macro_export]
macro_rules! refused {
    ($result:expr, $error:pat) => {{
        let result = $result;
        assert!(matches!(result, Err($error)), "{result:?} instead of {}", stringify!($error));
    }};
}
