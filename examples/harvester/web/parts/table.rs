//! Tables that scroll inside their box where the page is narrow.

use maud::{Markup, html};

/// A table, put together row by row.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    caption: &'a str,
    columns: Vec<Column<'a>>,
    rows: Vec<Vec<Markup>>,
    is_dense: bool,
}

#[derive(Clone, Copy, Debug)]
struct Column<'a> {
    title: &'a str,
    is_number: bool,
}

impl<'a> Table<'a> {
    /// A table of this name, which screen readers say.
    pub(crate) fn new(caption: &'a str) -> Self {
        Self { caption, columns: Vec::new(), rows: Vec::new(), is_dense: false }
    }

    /// Brings its columns closer together, for those that have many.
    pub(crate) fn dense(mut self) -> Self {
        self.is_dense = true;
        self
    }

    /// A column.
    pub(crate) fn column(mut self, title: &'a str) -> Self {
        self.columns.push(Column { title, is_number: false });
        self
    }

    /// A column of numbers, which stand to the right.
    pub(crate) fn number(mut self, title: &'a str) -> Self {
        self.columns.push(Column { title, is_number: true });
        self
    }

    /// A row, with a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Markup>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table.
    pub(crate) fn show(&self) -> Markup {
        let class = |column: &Column<'_>| column.is_number.then_some("number");
        html! {
            div.scroll role="region" aria-label=(self.caption) tabindex="0" {
                table.dense[self.is_dense] {
                    caption.unseen { (self.caption) }
                    thead {
                        tr {
                            @for column in &self.columns {
                                th scope="col" class=[class(column)] { (column.title) }
                            }
                        }
                    }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (cell, column) in row.iter().zip(&self.columns) {
                                    td class=[class(column)] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
