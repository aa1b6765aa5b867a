//! Many rows in few statements. Row counts are cut into a few fixed sizes, so that each table has a handful of
//! statement texts, which the databases prepare once.

use super::Conn;

/// Of rows in one statement: at 20 columns the greatest stays below SQLite's 32,766 and PostgreSQL's 65,535
/// parameters.
const SIZES: [usize; 4] = [256, 32, 4, 1];

/// Cuts into pieces of [`SIZES`], greatest first.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

impl Conn<'_> {
    /// Parameters in order, `($1,$2),($3,$4)` for two rows of two columns; on SQLite `(?,?),(?,?)`, because it looks up
    /// names one after the other: with thousands of them that is most of the time of a statement.
    pub(crate) fn placeholders(&self, rows: usize, columns: usize) -> String {
        let mut text = String::with_capacity(rows * (columns * 6 + 3));
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ",(" });
            for column in 0..columns {
                if column > 0 {
                    text.push(',');
                }
                match self {
                    Conn::Sqlite(_) => text.push('?'),
                    Conn::Postgres(_) => {
                        text.push('$');
                        text.push_str(&(row * columns + column + 1).to_string());
                    }
                }
            }
            text.push(')');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_into_few_sizes() {
        let rows = vec![0; 2 * 256 + 32 + 3];
        let sizes: Vec<usize> = chunks(&rows).map(<[i32]>::len).collect();
        assert_eq!(sizes, [256, 256, 32, 1, 1, 1]);
        assert_eq!(chunks::<i32>(&[]).count(), 0);
    }
}
